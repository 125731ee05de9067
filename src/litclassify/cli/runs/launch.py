"""The processes of one launch, and the run directory that they share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import BaseFileLock
from lightning.pytorch.utilities import rank_zero_only

from litclassify.cli.own_variables import RUN_DIR
from litclassify.cli.runs.directory import (
    FINISHED,
    LAST,
    config_name,
    create_run_dir,
    discard_unused,
    environment_name,
    has_checkpoint,
    is_of_this_launch,
    is_training,
    is_unfinished,
    lock_for_training,
    run_dir_of,
    unfinished_runs,
)
from litclassify.errors import UserError
from litclassify.files.durable_files import replacing

_held: dict[Path, BaseFileLock] = {}


@contextmanager
def launch() -> Iterator[None]:
    """Discard the run directory of a launch that a user's mistake ends before its first result."""
    started_by_another = RUN_DIR in os.environ
    try:
        yield
    except UserError:
        if RUN_DIR in os.environ and not started_by_another:
            discard_unused(Path(os.environ[RUN_DIR]))
        raise
    finally:
        os.environ.pop(RUN_DIR, None)
        while _held:
            _held.popitem()[1].release()


def run_dir_of_launch(existing: Path | None, parent: Path, *, trains: bool) -> Path:
    """Give the directory that all processes of this launch share.

    Under torchrun or srun, each process comes here on its own: the first one makes the directory and is the one that
    writes; the others get a path that does not exist, and what they need of the true one Lightning broadcasts to them.

    Args:
        existing: Run directory to go on in; None for a new one.
        parent: Directory of a new one.
        trains: Whether no other launch may train in it meanwhile.

    Raises:
        UserError: Another one does, or no directory can be made.
    """
    if RUN_DIR in os.environ:
        return Path(os.environ[RUN_DIR])
    if existing is None and not _is_first_process():
        return parent / "made_by_the_first_process"
    run_dir = existing or create_run_dir(parent)
    if trains:
        _hold(run_dir)
    os.environ[RUN_DIR] = str(run_dir)
    return run_dir


def run_to_resume(parent: Path) -> Path | None:
    """Give the newest run of a name that can go on, alike in all processes of this launch; None if there is none.

    The first process takes it at once: other launches that look at the same time pass it over.

    Args:
        parent: `<runs_dir>/<run_name>`.
    """
    if RUN_DIR in os.environ:
        run = Path(os.environ[RUN_DIR])  # The first process has found it, or has made it.
        return run if has_checkpoint(run) else None
    can_go_on = _take if _is_first_process() else _is_left_to_this_launch
    return next(filter(can_go_on, unfinished_runs(parent)), None)


def _take(run_dir: Path) -> bool:
    try:
        _hold(run_dir)
    except UserError:
        return False
    if is_unfinished(run_dir):
        return True
    _held.pop(run_dir).release()  # It has just come to its end.
    return False


def _is_left_to_this_launch(run_dir: Path) -> bool:
    return not is_training(run_dir) or is_of_this_launch(run_dir)


def hold_checkpoints(folder: Path) -> None:
    """Let no other launch write checkpoints into a folder that is not of a run of its own.

    Raises:
        UserError: Another one does.
    """
    if _is_first_process():
        folder.mkdir(parents=True, exist_ok=True)
        _hold((run_dir_of(folder / LAST) or folder).resolve(), "another checkpoint.dirpath")


def _hold(run_dir: Path, *remedy: str) -> None:
    if run_dir not in _held:
        _held[run_dir] = lock_for_training(run_dir, *remedy)


@rank_zero_only
def mark_unfinished(run_dir: Path) -> None:
    """Say that a training of a run has begun."""
    (run_dir / FINISHED).unlink(missing_ok=True)


@rank_zero_only
def mark_finished(run_dir: Path) -> None:
    """Say that nothing of a training is left to do."""
    (run_dir / FINISHED).write_text(f"{datetime.now().isoformat(timespec='seconds')}\n", encoding="utf-8")


@rank_zero_only
def save_record(run_dir: Path, subcommand: str, config: str, environment: str) -> None:
    """Write what a subcommand was called with, as YAML, and what it was called in, as JSON."""
    for name, text in ((config_name(subcommand), config), (environment_name(subcommand), environment + "\n")):
        with replacing(run_dir / name) as file:
            file.write(text.encode())


def _is_first_process() -> bool:
    # Without torchrun or srun, a node but the first is told by NODE_RANK alone.
    return getattr(rank_zero_only, "rank", 0) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
