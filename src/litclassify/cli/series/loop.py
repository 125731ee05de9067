"""The runs of a series, one after the other."""

import shlex
import shutil
from collections.abc import Sequence

from rich.console import Console

from litclassify.cli.runs.directory import SUMMARY, discard_unused, has_checkpoint, has_results, lock_for_training
from litclassify.cli.runs.invocation import shell_command
from litclassify.cli.runs.series import Series
from litclassify.cli.series.mean_curves import write_mean_curves
from litclassify.cli.series.processes import run_process
from litclassify.cli.series.summary import Summary
from litclassify.cli.trust.flag import opening_words

MISTAKE = 2
INTERRUPTED = 130


def run_series(series: Series, typed: Sequence[str]) -> None:
    """Run what is not finished, and print and write the results; a run that fails does not keep the others from it.

    Args:
        series: What to run.
        typed: The words of the command line.

    Raises:
        SystemExit: With code 1 if a run failed, 2 for a user's mistake and 130 for Ctrl-C.
        UserError: Another process runs the series.
    """
    lock = lock_for_training(series.folder)
    try:
        for number in [number for number, code in series.exit_codes.items() if code != 0]:
            _run(series, number, typed)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        if series.folder.exists():  # Unless a mistake has left nothing.
            _report(series, typed)
        lock.release()
    if len(series.finished) < len(series.exit_codes):
        raise SystemExit(1)


def _run(series: Series, number: int, typed: Sequence[str]) -> None:
    """Run one of them from its last checkpoint, or anew.

    Raises:
        SystemExit: Its command line is mistaken, and so would be the others.
    """
    run_dir = series.run_dir(number)
    position = list(series.exit_codes).index(number) + 1
    Console(highlight=False).rule(f"Run {position} of {len(series.exit_codes)}: {run_dir.name}", align="left")
    goes_on = has_checkpoint(run_dir)
    words = ["--ckpt_path", f"{run_dir}/last"] if goes_on else series.words_of(number)
    if not goes_on:
        shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(exist_ok=True)
    series.exit_codes[number] = None
    series.save()
    code = run_process(["fit", *opening_words(typed), *words], run_dir, typed)
    if code == MISTAKE and not has_results(run_dir):  # Else it is of this training alone, such as a loss of nan.
        discard_unused(run_dir)
        if not any(series.run_dir(other).exists() for other in series.exit_codes):
            discard_unused(series.folder)
        raise SystemExit(MISTAKE)
    series.exit_codes[number] = code
    series.save()
    Summary(series).write()


def _report(series: Series, typed: Sequence[str]) -> None:
    """Print and write what the finished runs ended with, and say how to go on."""
    summary = Summary(series)
    summary.write()
    if series.finished:
        write_mean_curves(series.folder, [series.run_dir(number) for number in series.finished], summary.markdown())
    summary.print()
    folder = str(series.folder)
    commands = {"view it": shlex.join(["tensorboard", "--logdir", folder])}
    if len(series.finished) < len(series.exit_codes):
        commands["go on"] = shell_command(typed, ["fit", *opening_words(typed), "--ckpt_path", folder])
    for name, command in {"results": str(series.folder / SUMMARY), **commands}.items():
        Console(highlight=False, markup=False).print(f"{name:<14} {command}", soft_wrap=True)
