"""What two runs must have in common to be the same training."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

# Logged once a second at most: which steps have one depends on the clock.
TIMED = ("images_per_second", "data_wait_share", "grad_norm")


def differences(run: Path, other: Path) -> list[str]:
    """Name what two runs differ in: entries of their last checkpoints to the last bit, and rows of what they logged."""
    checkpoints = [flat(run / "checkpoints" / "last.ckpt") for run in (run, other)]
    names = sorted(checkpoints[0].keys() | checkpoints[1].keys())
    found = [name for name in names if not _equal(*(content.get(name) for content in checkpoints))]
    if _rows(run) != _rows(other):
        found.append("metrics.csv")
    if scalars(run) != scalars(other):
        found.append("TensorBoard")
    return found


def flat(checkpoint: Path) -> dict[str, Any]:
    """Give the tensors and values of a checkpoint by their place in it, and paths as relative to their run."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return {_relative(name, checkpoint): _relative(value, checkpoint) for name, value in _leaves(content, "")}


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}/{key}")
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{place}/{i}")
    else:
        yield place, value


def _relative(value: Any, checkpoint: Path) -> Any:
    if not isinstance(value, str):
        return value
    # The run may have been moved since: it is recorded by its whole path, or from `runs` on.
    return value.replace(str(checkpoint.parents[1]), "").replace(str(Path(*checkpoint.parts[-5:-2])), "")


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return value.dtype == other.dtype and torch.equal(value, other)
    return type(value) is type(other) and bool(value == other)


def _rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def scalars(run: Path) -> list[tuple[str, int, float]]:
    """Give the scalars in the event files of a run, but those that go by the clock: name, step and value."""
    found = []
    for file in run.glob("events.out.tfevents.*"):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tag not in TIMED and value.metadata.plugin_data.plugin_name == "scalars":
                    found.append((value.tag, event.step, value.tensor.float_val[0]))
    return sorted(found)
