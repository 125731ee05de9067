"""One directory per run: `<runs_dir>/<run_name>/<time stamp>/`; those of a series one level below."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from litclassify.errors import UserError
from litclassify.files.file_ages import newest_first
from litclassify.files.log_files import METRICS_CSV

BAD_IMAGES = "bad_images.csv"
BATCH_SIZE_SEARCH = "batch_size_search.png"
CHECKPOINTS = "checkpoints"
FINISHED = "finished"
# What --ckpt_path takes for checkpoints of the newest run.
OF_NEWEST_RUN = ("best", "last")
LAST = "last.ckpt"
LAUNCH = ".training.launch"
LOCK = ".training.lock"
LR_SEARCH = "lr_search.png"
METRICS_JSON = "metrics.json"
PREDICTIONS = "predictions.csv"
SERIES = "series.json"
SUMMARY = "summary.json"
LAUNCH_VARIABLES = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "SLURM_STEP_ID", "MASTER_ADDR", "MASTER_PORT")
LAUNCH_WAIT_S = 2
# Who only looks whether a run is taken has its lock for a moment.
LOOK_S = 0.2
STAMP_LENGTH = len("2026-11-24_10-15-00")
RESULTS = (BAD_IMAGES, CHECKPOINTS, METRICS_CSV, METRICS_JSON, PREDICTIONS)


def config_name(subcommand: str) -> str:
    """Give the name of the file with the configuration of a subcommand."""
    return f"config.{subcommand}.yaml"


def environment_name(subcommand: str) -> str:
    """Give the name of the file that says in what a subcommand was called."""
    return f"environment.{subcommand}.json"


def place_of_runs(default_root_dir: str | None, runs_dir: str) -> Path:
    """Give the directory that holds all runs, with the home folder for `~`."""
    return Path(default_root_dir or "").expanduser() / Path(runs_dir).expanduser()


def create_run_dir(parent: Path) -> Path:
    """Create a directory that no other launch has, named by the present time.

    Of several launches in the same second, the first gets `2026-11-24_10-15-00`, the next `2026-11-24_10-15-00_2`, …

    Args:
        parent: `<runs_dir>/<run_name>`.

    Raises:
        UserError: Nothing can be created there.
    """
    for path in _candidates(parent, datetime.now().strftime("%Y-%m-%d_%H-%M-%S")):
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--runs_dir: '{parent}' cannot be created: {error.strerror}.") from error
        # Another launch has taken the name, or has just discarded its own run and the folder left empty.
        with suppress(FileExistsError, FileNotFoundError):
            path.mkdir()
            return path
    raise AssertionError("the candidates never end")


def _candidates(parent: Path, stamp: str) -> Iterator[Path]:
    yield parent / stamp
    number = 2
    while True:
        yield parent / f"{stamp}_{number}"
        number += 1


def discard_unused(run_dir: Path) -> None:
    """Remove the directory of a run that ended before its first result: it has nothing of `RESULTS`."""
    if not has_results(run_dir):
        shutil.rmtree(run_dir, ignore_errors=True)  # It may be gone, or read-only by now.
        # rmdir refuses those of the folders above that hold other runs.
        with suppress(OSError):
            for parent in run_dir.parents[:2]:
                parent.rmdir()


def has_results(run_dir: Path) -> bool:
    """Whether a run has anything of `RESULTS`."""
    return any((run_dir / name).exists() for name in RESULTS)


def run_dir_of(checkpoint: Path) -> Path | None:
    """Give the run that a checkpoint file belongs to; None for a file that lies elsewhere."""
    return checkpoint.parent.parent if checkpoint.parent.name == CHECKPOINTS else None


def series_of(run_dir: Path) -> Path | None:
    """Give the directory of the series that a run belongs to; None for a run by itself."""
    return run_dir.parent if (run_dir.parent / SERIES).is_file() else None


def unfinished_runs(parent: Path) -> list[Path]:
    """Give the runs of a name that have a checkpoint and did not come to their end, the newest first.

    Args:
        parent: `<runs_dir>/<run_name>`.
    """
    return [run for run in _newest_first(parent) if is_unfinished(run)]


def newest_finished_run(parent: Path) -> Path | None:
    """Give the newest run of a name that came to its end; None if there is none.

    Args:
        parent: `<runs_dir>/<run_name>`.
    """
    return next((run for run in _newest_first(parent) if (run / FINISHED).exists()), None)


def _newest_first(parent: Path) -> list[Path]:
    return sorted((path.parent for path in parent.glob(f"*/{CHECKPOINTS}")), key=_launched, reverse=True)


def is_unfinished(run: Path) -> bool:
    """Whether a run has something to go on from, and something left to do."""
    return has_checkpoint(run) and not (run / FINISHED).exists()


def has_checkpoint(run: Path) -> bool:
    """Whether a run has written a checkpoint."""
    return any((run / CHECKPOINTS).glob("*.ckpt"))


def _launched(run: Path) -> tuple[str, int, str]:
    """Order runs by their names, of which those of the same second end with a number."""
    number = run.name[STAMP_LENGTH:]
    return run.name[:STAMP_LENGTH], len(number), number


def lock_for_training(run_dir: Path, remedy: str = "a run of its own with --run_name") -> FileLock:
    """Take a directory for this launch, until the lock is released or the process has ended.

    Args:
        run_dir: That of a run, or a folder of checkpoints outside of any.
        remedy: What a training can be given in its place.

    Raises:
        UserError: Another process trains in it.
    """
    lock = FileLock(run_dir / LOCK)
    try:
        lock.acquire(timeout=LOOK_S)
    except Timeout as error:
        raise UserError(
            f"Another process trains in '{run_dir}'. Wait for its end, or give this training {remedy}."
        ) from error
    (run_dir / LAUNCH).write_text(_launch(), encoding="utf-8")
    return lock


def _launch() -> str:
    """Tell this launch from others, alike in all of the processes that torchrun or srun started."""
    return " ".join(os.environ.get(name, "") for name in LAUNCH_VARIABLES)


def is_of_this_launch(run: Path) -> bool:
    """Whether the first process of this launch trains in a run, which it says a moment after it has taken it."""
    end = time.monotonic() + (LAUNCH_WAIT_S if _launch().strip() else 0)
    while time.monotonic() < end:
        with suppress(FileNotFoundError):
            if (run / LAUNCH).read_text(encoding="utf-8") == _launch():
                return True
        time.sleep(0.05)
    return False


def name_of_run(config: Path) -> str | None:
    """Give the name of the run whose configuration of `fit` a file is; None for another file."""
    run = config.resolve().parent
    if config.name != config_name("fit") or not (run / environment_name("fit")).is_file():
        return None
    return (series_of(run) or run).parent.name


def is_training(run_dir: Path) -> bool:
    """Whether a process trains in a run."""
    lock = FileLock(run_dir / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def newest_run(folder: Path, levels: Sequence[int] = (2, 3)) -> Path | None:
    """Give the run whose checkpoints changed last; None if there is none.

    Args:
        folder: What holds it.
        levels: How far below: a run in `runs_dir` has its name above it, and one of a series that of the series, too.
    """
    folders = [path for level in levels for path in folder.glob(f"{'*/' * level}{CHECKPOINTS}")]
    return next((path.parent for path in newest_first(folders) if any(path.glob("*.ckpt"))), None)
