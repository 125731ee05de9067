"""`fit --repeat 5`, `fit --folds 5`, and `fit --ckpt_path` with the directory of either."""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from jsonargparse import Namespace

from litclassify.cli.command_line import CommandLine
from litclassify.cli.commands import Command
from litclassify.cli.dry_run import ParsersOnly
from litclassify.cli.flags import group_words
from litclassify.cli.parsing.environment_variables import key_of, variables_for_arguments
from litclassify.cli.runs.directory import SERIES, create_run_dir
from litclassify.cli.runs.launchers import is_one_of_several
from litclassify.cli.runs.series import OPTIONS, Kind, Series, load_series
from litclassify.cli.series.loop import run_series
from litclassify.errors import UserError

MIN_RUNS = 2
LOOKED_AT = (*OPTIONS.values(), "ckpt_path")


def find_series(words: list[str], typed: Sequence[str]) -> Command | None:
    """Give the function that runs a series; None for a command line that asks for none.

    Args:
        words: The words after the program's name, without `--allow_import`.
        typed: All of them.
    """
    line = CommandLine(words, flags_from_environment(LOOKED_AT))
    if line.subcommand != ["fit"] or line.asks_for_help:
        return None
    given = line.ckpt_path
    if given is not None and (Path(given) / SERIES).is_file():
        return partial(go_on, Path(given), typed)
    if all(line.last_value(option) is None for option in OPTIONS.values()):
        return None
    return partial(start, typed)


def start(typed: Sequence[str], words: list[str]) -> None:
    """Run a new series, after the command line has been checked.

    Raises:
        UserError: It does not parse, or does not go with a series.
    """
    application = ParsersOnly(words)
    config = application.config.fit
    kind, count = asked_for(config)
    option = f"--{OPTIONS[kind]}"
    check_starts_alone(option)
    check_resumes_nothing(option, config)
    if application.checkpoint is not None:
        raise UserError(
            f"{option} starts new runs, but --ckpt_path continues one. Leave one of them out, or start all runs from "
            "the weights of a checkpoint: --model.init_from CHECKPOINT."
        )
    check_runs_are_kept_apart(option, config)
    check_size_is_given(option, config)
    first = first_number(kind, config.seed_everything)
    kept = [flag for flag in group_words(words[1:]) if flag.name not in OPTIONS.values()]
    folder = create_run_dir(application.parent_of_runs())
    own_words = [word for flag in kept for word in flag.words]
    if init_from := config.model.get("init_args.init_from"):  # Best and last would be those of the run before.
        own_words += ["--model.init_from", init_from]
    run_series(Series(folder, kind, own_words, dict.fromkeys(range(first, first + count))), typed)


def go_on(folder: Path, typed: Sequence[str], words: list[str]) -> None:
    """Run what a series has not finished, and with a larger `--repeat` further seeds.

    Raises:
        UserError: The words ask for what the series is not.
    """
    series = load_series(folder)
    option = OPTIONS[series.kind]
    flags = {flag.name: flag.value for flag in group_words(words[1:])}
    others = [name for name in flags if name not in ("ckpt_path", option)]
    if others:
        raise UserError(
            f"--ckpt_path '{folder}' goes on with {len(series.exit_codes)} runs, with the settings that they have: "
            f"leave out --{others[0]}."
        )
    check_starts_alone(f"--{option}")
    count = flags.get(option) or str(len(series.exit_codes))
    fewest = len(series.exit_codes)
    if not count.isdecimal() or int(count) < fewest or (series.kind == "fold" and int(count) != fewest):
        more = "as many or more" if series.kind == "seed" else "as many"
        raise UserError(f"--{option} {count}: '{folder}' has {fewest} runs. Give {more}, or leave it out.")
    first = min(series.exit_codes)
    series.add(range(first, first + int(count)))
    run_series(series, typed)


def asked_for(config: Namespace) -> tuple[Kind, int]:
    """Give the kind of series that a configuration of `fit` asks for, and how many runs.

    Raises:
        UserError: It asks for both kinds or none, or for fewer than two runs.
    """
    counts = {kind: config[option] for kind, option in OPTIONS.items() if config[option] is not None}
    if len(counts) != 1:
        raise UserError(
            "Give a number to one of --repeat and --folds: they cannot be combined. Run --folds once per seed: the "
            "folds are drawn anew by --data.seed, and the network by --seed_everything."
        )
    ((kind, count),) = counts.items()
    if count < MIN_RUNS:
        raise UserError(f"{OPTIONS[kind]} must be at least {MIN_RUNS}, got {count}. Leave it out for a single run.")
    return kind, count


def first_number(kind: Kind, seed: int | bool) -> int:
    """Give the first seed, or the first fold.

    Raises:
        UserError: There is no seed to count from.
    """
    if kind == "fold":
        return 0
    if isinstance(seed, bool):
        raise UserError(f"--repeat counts up from seed_everything, got {str(seed).lower()}: give a number.")
    return seed


def check_runs_are_kept_apart(option: str, config: Namespace) -> None:
    """Check that each run writes its results, into its own directory.

    Raises:
        UserError: It does not.
    """
    for name in ("fast_dev_run", "barebones"):
        if config.trainer[name]:
            raise UserError(f"{option} compares what runs write, but with trainer.{name} they write nothing.")
    if config.checkpoint is not None and config.checkpoint.init_args.get("dirpath") is not None:
        raise UserError(
            f"{option}: with checkpoint.dirpath all runs would keep their checkpoints in one folder. Leave it out: "
            "each run has a folder of its own."
        )


def check_size_is_given(option: str, config: Namespace) -> None:
    """Refuse to search for the batch size in each of several trainings.

    Raises:
        UserError: `find_batch_size` asks for it.
    """
    if config.find_batch_size:
        raise UserError(
            f"{option}: with find_batch_size each training would search anew, and might find another size. Search once "
            "beforehand: find batch_size."
        )


def check_resumes_nothing(option: str, config: Namespace) -> None:
    """Refuse to look for a run to resume.

    Raises:
        UserError: `--resume auto` asks for it.
    """
    if config.resume is not None:
        raise UserError(
            f"{option} starts processes of its own, which --resume {config.resume} cannot tell apart. Leave it out; "
            "fit --ckpt_path goes on with what was interrupted."
        )


def check_starts_alone(option: str) -> None:
    """Refuse to be one of several processes.

    Raises:
        UserError: `torchrun` or `srun` has started this one.
    """
    if is_one_of_several():
        raise UserError(
            f"{option} starts its runs itself: call it without torchrun or srun. Each run then starts a process for "
            "each of trainer.devices."
        )


def flags_from_environment(keys: Iterable[str]) -> list[str]:
    """Give the flags of these arguments that the environment sets."""
    variables = {key_of(name): name for name in variables_for_arguments()}
    return [f"--{key}={os.environ[variables[key]]}" for key in keys if key in variables]
