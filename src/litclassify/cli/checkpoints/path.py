"""From what a person gives as `--ckpt_path` to a checkpoint file."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from litclassify.callbacks.resuming.resumable_checkpoint import PREVIOUS
from litclassify.cli.checkpoints.checkpoint import load
from litclassify.cli.runs.directory import CHECKPOINTS, LAST, OF_NEWEST_RUN, SERIES, SUMMARY, newest_run, series_of
from litclassify.errors import UserError
from litclassify.files.file_ages import newest_first
from litclassify.suggestions import nearest

CKPT_PATH_HELP = (
    "Checkpoint: a file, the directory of a run (its best checkpoint), <run>/last, or best or last (of the newest run "
    "under runs_dir). fit continues the run that it belongs to; of a directory, from its last checkpoint."
)


def resolve_checkpoint(given: str, runs_dir: Path, key: str = "--ckpt_path") -> Path:
    """Give the file meant by a file, a run directory, `<run>/last`, `best` or `last`.

    Args:
        given: What the user typed. A run directory means its best checkpoint; `best` and `last` mean those of the
            newest run. Of a series, the best checkpoint is that of its best run.
        runs_dir: Where runs lie.
        key: What it was given to, for messages.

    Raises:
        UserError: There is no such checkpoint.
    """
    if Path(given).is_file():
        return Path(given)
    if not stands_for_checkpoint(given):
        raise UserError(
            f"{key} '{given}' does not exist. Give a checkpoint file, the directory of a run, best or last."
            f"{nearest(given, OF_NEWEST_RUN)}"
        )
    if given not in OF_NEWEST_RUN:
        return _of_run(Path(given), key)
    run = newest_run(runs_dir)
    if run is None:
        raise UserError(f"{key} {given}: no run under '{runs_dir}' has a checkpoint. Train one with fit.")
    found = _of_run((series_of(run) or run) if given == "best" else run / "last", key)
    rank_zero_info(f"{key} {given}: {found}, of the newest run")
    return found


def stands_for_checkpoint(given: str) -> bool:
    """Whether this is `best` or `last`, the directory of a run or `<run>/last`, and not a file."""
    path = Path(given)
    return given in OF_NEWEST_RUN or path.is_dir() or (path.name == "last" and path.parent.is_dir())


def _of_run(path: Path, key: str) -> Path:
    """Give the checkpoint that a run directory, or `<run>/last`, stands for."""
    try:
        return _last(path.parent) if path.name == "last" else _best(path)
    except UserError as error:
        raise UserError(f"{key}: {error}") from error


def _best_of_series(series: Path) -> Path:
    try:
        name = json.loads((series / SUMMARY).read_text(encoding="utf-8")).get("best")
    except (OSError, ValueError):  # No run has ended.
        name = None
    if name is None:
        run = next(iter(sorted(series.glob(f"*/{CHECKPOINTS}"))), series).parent
        raise UserError(
            f"'{series}' holds several runs, and none of them is the best: folds differ in their images, "
            f"and other runs are compared when they have ended. Give one of them, such as {run}."
        )
    return series / Path(str(name)).name


def _last(run: Path) -> Path:
    if (run / SERIES).is_file():
        raise UserError(f"'{run}' holds several runs. Give one of them with /last.")
    first, *others = _last_first(run)
    for path in (first, *others):
        try:
            load(path)
        except UserError:
            continue
        if path != first:
            rank_zero_warn(f"'{first}' is damaged. The checkpoint before it is taken: '{path}'.")
        return path
    load(first)  # Says what is wrong with it.
    return first


def _last_first(run: Path) -> list[Path]:
    """Give the checkpoints of a run in the order in which to go on from them.

    Raises:
        UserError: There is none.
    """
    folder = run / CHECKPOINTS
    written = [path for path in (folder / LAST, folder / PREVIOUS) if path.exists()]
    return [*written, *(path for path in _newest_first(run) if path not in written)]


def best_checkpoints(run: Path) -> list[Path]:
    """Give the checkpoints that a run kept for their metric, the best first.

    Raises:
        UserError: It kept none.
    """
    for state in _checkpoint_callbacks(run):
        scores = {run / CHECKPOINTS / Path(path).name: float(score) for path, score in state["best_k_models"].items()}
        more_is_better = float(state["best_model_score"] or 0) >= max(scores.values(), default=0)
        latest_first = list(reversed(scores))  # The latest of equal ones is the best.
        found = sorted(latest_first, key=lambda path: scores[path], reverse=more_is_better)
        if files := [path for path in found if path.is_file()]:
            return files
    raise UserError(f"'{run}' holds no checkpoints that were kept for a metric. Name checkpoint files.")


def _best(run: Path) -> Path:
    if (run / SERIES).is_file():
        run = _best_of_series(run)
    for state in _checkpoint_callbacks(run):
        # The recorded path is that of the training machine; a run may have been moved since.
        best = run / CHECKPOINTS / Path(state.get("best_model_path", "")).name
        if best.is_file():
            return best
    return _newest_first(run)[0]


def _checkpoint_callbacks(run: Path) -> list[dict[str, Any]]:
    """Give the states of the checkpoint callbacks, from the newest checkpoint that a training has written."""
    states: dict[str, dict[str, Any]] = next(filter(None, _callback_states(run)), {})
    return [state for state in states.values() if isinstance(state, dict) and "best_model_path" in state]


def _callback_states(run: Path) -> Iterator[dict[str, Any]]:
    for file in _newest_first(run):
        with suppress(UserError):  # What is damaged says nothing of the others.
            yield load(file).get("callbacks", {})


def _newest_first(run: Path) -> list[Path]:
    files = newest_first((run / CHECKPOINTS).glob("*.ckpt"))
    if not files:
        below = newest_run(run, levels=(1, 2, 3))
        newest = "" if below is None else f" The newest run in it is '{below}'."
        raise UserError(f"'{run}' holds no '{CHECKPOINTS}/*.ckpt'. Give a run directory or a file.{newest}")
    return files
