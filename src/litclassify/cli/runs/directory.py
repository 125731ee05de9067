"""One directory per run: `<runs_dir>/<run_name>/<time stamp>/`; those of a series one level below."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from litclassify.errors import UserError

BAD_IMAGES = "bad_images.csv"
CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
LR_SEARCH = "lr_search.png"
METRICS_CSV = "metrics.csv"
METRICS_JSON = "metrics.json"
PREDICTIONS = "predictions.csv"
SERIES = "series.json"
SUMMARY = "summary.json"
RESULTS = (BAD_IMAGES, CHECKPOINTS, METRICS_CSV, METRICS_JSON, PREDICTIONS)


def config_name(subcommand: str) -> str:
    """Give the name of the file with the configuration of a subcommand."""
    return f"config.{subcommand}.yaml"


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
    if not any((run_dir / name).exists() for name in RESULTS):
        shutil.rmtree(run_dir)
        # Of the folders above, rmdir refuses those that hold other runs.
        with suppress(OSError):
            for parent in run_dir.parents[:2]:
                parent.rmdir()


def run_dir_of(checkpoint: Path) -> Path | None:
    """Give the run that a checkpoint file belongs to; None for a file that lies elsewhere."""
    return checkpoint.parent.parent if checkpoint.parent.name == CHECKPOINTS else None


def series_of(run_dir: Path) -> Path | None:
    """Give the directory of the series that a run belongs to; None for a run by itself."""
    return run_dir.parent if (run_dir.parent / SERIES).is_file() else None


def newest_run(runs_dir: Path) -> Path | None:
    """Give the run under `runs_dir` whose checkpoints changed last; None if there is none."""
    folders = [*runs_dir.glob(f"*/*/{CHECKPOINTS}"), *runs_dir.glob(f"*/*/*/{CHECKPOINTS}")]
    runs = [path.parent for path in folders if any(path.glob("*.ckpt"))]
    return max(runs, key=lambda run: (run / CHECKPOINTS).stat().st_mtime_ns, default=None)
