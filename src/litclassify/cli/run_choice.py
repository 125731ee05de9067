"""Which run a command works in, and how a training begins there."""

from collections.abc import Mapping
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_info

from litclassify.cli.checkpoints.checkpoint import Checkpoint
from litclassify.cli.checkpoints.continuation import Continuation
from litclassify.cli.checkpoints.places import check_way_is_free, local_folders
from litclassify.cli.command_line import CommandLine
from litclassify.cli.config.keys import short_name
from litclassify.cli.runs.directory import CHECKPOINTS, name_of_run, newest_finished_run, place_of_runs, run_dir_of
from litclassify.cli.runs.launch import hold_checkpoints, run_to_resume, save_record
from litclassify.errors import UserError


def parent_of_runs(config: Namespace, command_line: CommandLine) -> Path:
    """Give `<runs_dir>/<run_name>`.

    Args:
        config: Configuration of a subcommand.
        command_line: What it comes from.

    Raises:
        UserError: That is not below `runs_dir`.
    """
    name = config.run_name or _name_of(command_line.config_files) or short_name(config.data.class_path).lower()
    if not name.isprintable() or name.startswith("~") or Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(f"run_name must name a folder below runs_dir, got {name!r}.", "run_name")
    return place_of_runs(config.trainer.default_root_dir, config.runs_dir) / name


def _name_of(configs: list[Path]) -> str | None:
    """Give the name of the first config file; that of its run, if it is the one that a run has saved."""
    return (name_of_run(configs[0]) or configs[0].stem) if configs else None


def is_wanted(run: Path, config: Namespace, command_line: CommandLine) -> bool:
    """Whether a run lies where the user has typed that runs shall lie, if that was typed at all.

    Args:
        run: Directory of the run.
        config: Configuration of a subcommand.
        command_line: What it comes from.
    """
    if "run_name" in command_line.typed_places:
        return parent_of_runs(config, command_line).resolve() == run.parent.resolve()
    runs_dir = place_of_runs(config.trainer.default_root_dir, config.runs_dir)
    return "runs_dir" not in command_line.typed_places or runs_dir.resolve() in run.resolve().parents


def unfinished_run(config: Namespace, command_line: CommandLine) -> Path | None:
    """Give the run that `--resume auto` goes on with; None if there is none.

    Args:
        config: Configuration of `fit`.
        command_line: What it comes from.

    Raises:
        UserError: The checkpoints of such runs lie elsewhere.
    """
    if config.checkpoint is not None and config.checkpoint.get("init_args.dirpath") is not None:
        raise UserError("--resume auto looks for checkpoints in runs: leave out checkpoint.dirpath.")
    parent = parent_of_runs(config, command_line)
    run = run_to_resume(parent)
    if run is not None:
        rank_zero_info(f"--resume auto: going on with '{run}'.")
    elif finished := newest_finished_run(parent):
        rank_zero_info(f"--resume auto: '{finished}' has finished, and none is left to go on with: starting a new run.")
    return run


def claim_folders(trainer: Trainer, run_dir: Path) -> None:
    """See to it that checkpoints can be written where they go, and that no other training writes there.

    Args:
        trainer: That of the run.
        run_dir: Directory of the run, which this launch has already.

    Raises:
        UserError: Something lies in the way, or another training does.
    """
    for folder in local_folders(trainer):
        check_way_is_free(folder)
        if folder.resolve() != (run_dir / CHECKPOINTS).resolve():
            hold_checkpoints(folder)


def take_up(trainer: Trainer, run_dir: Path, checkpoint: Checkpoint | None, record: Mapping[str, str]) -> None:
    """Begin to train in a run, or go on in it.

    Args:
        trainer: That of the run.
        run_dir: Directory of the run.
        checkpoint: Where training goes on; None for a new one.
        record: What `save_record` takes.
    """
    if checkpoint is None or run_dir_of(checkpoint.path) != run_dir:
        save_record(run_dir, "fit", **record)
        return
    continuation = Continuation(run_dir, checkpoint, record)
    # Before all that logs or writes checkpoints.
    trainer.callbacks.insert(0, continuation)  # type: ignore[attr-defined] # set by Lightning's callback connector
