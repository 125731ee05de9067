"""Which run a command works in, and how a training begins there."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import LambdaCallback
from lightning.pytorch.utilities import rank_zero_info

from litclassify.cli.checkpoints.checkpoint import Checkpoint
from litclassify.cli.checkpoints.last import make_last
from litclassify.cli.checkpoints.places import check_way_is_free, local_folders
from litclassify.cli.command_line import CommandLine
from litclassify.cli.config.keys import short_name
from litclassify.cli.runs.directory import CHECKPOINTS, run_dir_of
from litclassify.cli.runs.launch import hold_checkpoints, mark_unfinished, run_to_resume, save_record
from litclassify.cli.runs.logs import cut_logs
from litclassify.errors import UserError
from litclassify.files.log_files import log_files


def parent_of_runs(config: Namespace, command_line: CommandLine) -> Path:
    """Give `<runs_dir>/<run_name>`.

    Args:
        config: Configuration of a subcommand.
        command_line: What it comes from.

    Raises:
        UserError: That is not below `runs_dir`.
    """
    files = command_line.config_files
    name = config.run_name or (files[0].stem if files else short_name(config.data.class_path).lower())
    if not name.isprintable() or name.startswith("~") or Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(f"run_name must name a folder below runs_dir, got {name!r}.", "run_name")
    return Path(config.trainer.default_root_dir or "", config.runs_dir, name)


def unfinished_run(config: Namespace, command_line: CommandLine) -> Path | None:
    """Give the run that `--resume auto` goes on with; None if there is none.

    Args:
        config: Configuration of `fit`.
        command_line: What it comes from.

    Raises:
        UserError: The checkpoints of such runs lie elsewhere, or hold too little.
    """
    if config.checkpoint is not None and config.checkpoint.get("init_args.dirpath") is not None:
        raise UserError("--resume auto looks for checkpoints in runs: leave out checkpoint.dirpath.")
    if config.checkpoint is not None and config.checkpoint.get("init_args.save_weights_only"):
        raise UserError("--resume auto goes on from more than weights: leave out checkpoint.save_weights_only.")
    run = run_to_resume(parent_of_runs(config, command_line))
    if run is not None:
        rank_zero_info(f"--resume auto: going on with '{run}'.")
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
    """Begin to train in a run.

    One that goes on stays as it was until its first step, or where no step is left, until what its end logs: what is
    refused before that leaves it so. Then it forgets what came after the checkpoint that it goes on from.

    Args:
        trainer: That of the run.
        run_dir: Directory of the run.
        checkpoint: Where training goes on; None for a new one.
        record: What `save_record` takes.
    """
    if checkpoint is None or run_dir_of(checkpoint.path) != run_dir:
        save_record(run_dir, "fit", **record)
        return
    path, next_step, logs = checkpoint.path, checkpoint.next_step, log_files(run_dir)

    @cache
    def go_on() -> None:
        mark_unfinished(run_dir)
        make_last(path)
        if next_step is not None:
            cut_logs(logs, next_step)
        save_record(run_dir, "fit", **record)

    begin = LambdaCallback(on_train_start=lambda *_: go_on(), on_fit_end=lambda *_: go_on())
    # Before all that logs or writes checkpoints.
    trainer.callbacks.insert(0, begin)  # type: ignore[attr-defined] # set by Lightning's callback connector
