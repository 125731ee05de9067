"""`fit --halve_batch_on_oom true`: where memory runs out, training goes on with smaller batches, in a new process."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_info

from litclassify.cli.command_line import CommandLine
from litclassify.cli.commands import Command
from litclassify.cli.dry_run import ParsersOnly
from litclassify.cli.flags import group_words
from litclassify.cli.own_variables import OOM_MARK
from litclassify.cli.runs.directory import CHECKPOINTS, LAST, discard_unused
from litclassify.cli.series.command import (
    check_resumes_nothing,
    check_size_is_given,
    check_starts_alone,
    flags_from_environment,
)
from litclassify.cli.series.loop import INTERRUPTED, MISTAKE
from litclassify.cli.series.processes import run_process
from litclassify.cli.trust.flag import opening_words
from litclassify.errors import UserError

OPTION = "halve_batch_on_oom"


@dataclass(frozen=True)
class BatchSize:
    """How many images a step of the optimizer sees, and in how many parts."""

    images: int
    """Images of a batch."""
    batches: int
    """Batches that a step accumulates."""

    def smaller(self) -> "BatchSize":
        """Give as many images for a step in batches of half the size; of odd ones, by their least factor."""
        factor = next(factor for factor in range(2, self.images + 1) if self.images % factor == 0)
        return BatchSize(self.images // factor, self.batches * factor)

    def __str__(self) -> str:
        return f"with {self.images} and trainer.accumulate_grad_batches {self.batches}"

    @property
    def words(self) -> list[str]:
        """Flags for it."""
        return ["--data.batch_size", str(self.images), "--trainer.accumulate_grad_batches", str(self.batches)]


@dataclass(frozen=True)
class Attempt:
    """A training that may run out of memory."""

    words: list[str]
    """What it starts from: the words of the user, or a checkpoint."""
    size: BatchSize
    run_dir: Path
    is_new: bool
    """Whether nothing of an earlier training lies in the directory of the run."""

    def next(self, began_ns: int) -> "Attempt":
        """Give the training that follows: from a checkpoint, if this one has written any."""
        last = self.run_dir / CHECKPOINTS / LAST
        attempt = replace(self, size=self.size.smaller())
        if last.is_file() and last.stat().st_mtime_ns >= began_ns:
            return replace(attempt, words=["--ckpt_path", str(last)], is_new=False)
        return attempt

    def prepare(self) -> None:
        """Remove what the one before has left, unless it goes on from that."""
        if self.is_new:
            shutil.rmtree(self.run_dir, ignore_errors=True)
            self.run_dir.mkdir()


def find_halving(words: list[str], typed: Sequence[str]) -> Command | None:
    """Give the function that trains so; None for a command line that does not ask for it.

    Args:
        words: The words after the program's name, without `--allow_import`.
        typed: All of them.
    """
    line = CommandLine(words, flags_from_environment([OPTION]))
    asked_for = (line.last_value(OPTION) or "").lower() in ("true", "yes", "on")  # As the parser takes them.
    return partial(start, typed) if line.subcommand == ["fit"] and asked_for and not line.asks_for_help else None


def start(typed: Sequence[str], words: list[str]) -> None:
    """Train with ever smaller batches until memory suffices, after the command line has been checked.

    Raises:
        UserError: It does not parse, or writes no run to go on in.
        SystemExit: With the exit code of the last training, if it is not 0.
    """
    application = ParsersOnly(words)
    config = application.config.fit
    check_starts_alone(f"--{OPTION}")
    check_resumes_nothing(f"--{OPTION}", config)
    check_size_is_given(f"--{OPTION}", config)
    for name in ("fast_dev_run", "barebones"):
        if config.trainer[name]:
            raise UserError(f"--{OPTION} goes on in the directory of the run, and with trainer.{name} there is none.")
    if "batch_size" not in config.data.get("init_args", {}):
        raise UserError(f"--{OPTION}: {config.data.class_path} takes no batch_size.")
    own = [word for flag in group_words(words[1:]) if flag.name != OPTION for word in flag.words]
    size = BatchSize(config.data.init_args.batch_size, config.trainer.accumulate_grad_batches)
    try:
        train(Attempt(own, size, application.find_run_dir(), is_new=application.checkpoint is None), typed)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def train(attempt: Attempt, typed: Sequence[str]) -> None:
    """Make attempts until one does not run out of memory; the one with single images says what else to lower.

    Raises:
        SystemExit: With the exit code of the last one, if it is not 0.
    """
    while True:
        began_ns = time.time_ns()
        ran_out, code = _run(attempt, typed)
        if not ran_out:
            break
        before, attempt = attempt.size.images, attempt.next(began_ns)
        attempt.prepare()
        goes_on = f"goes on from {attempt.words[-1]}" if attempt.words[0] == "--ckpt_path" else "starts again"
        rank_zero_info(f"Out of memory with data.batch_size {before}: training {goes_on}, {attempt.size}.")
    if code == MISTAKE:
        discard_unused(attempt.run_dir)
    if code != 0:
        raise SystemExit(code if code > 0 else 128 - code)


def _run(attempt: Attempt, typed: Sequence[str]) -> tuple[bool, int]:
    """Run one; say whether it ran out of memory, and give its exit code."""
    words = ["fit", *opening_words(typed), *attempt.words, *attempt.size.words, f"--{OPTION}", "false"]
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "out_of_memory"
        if attempt.size.images > 1:
            os.environ[OOM_MARK] = str(mark)
        try:
            code = run_process(words, attempt.run_dir, typed)
        finally:
            os.environ.pop(OOM_MARK, None)
        return mark.exists(), code
