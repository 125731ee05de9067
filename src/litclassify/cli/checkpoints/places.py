"""Where checkpoints go, and by which names."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from jsonargparse import Namespace
from lightning.fabric.utilities.cloud_io import get_filesystem
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from litclassify.callbacks.resuming.resumable_checkpoint import PREVIOUS
from litclassify.callbacks.sharding import is_sharded
from litclassify.cli.runs.directory import LAST
from litclassify.errors import UserError

WHOLE_NUMBERS = ("epoch", "step")


class AnyMetric(dict[str, Tensor]):
    """A value for every name that a file name may ask for."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Tensor:
        return torch.tensor(1 if name in WHOLE_NUMBERS else 0.5)


def check_places(checkpoint: Namespace | None) -> None:
    """Check folder and file name of checkpoints before a class takes them.

    Args:
        checkpoint: Configuration of the callback, if there is one.

    Raises:
        UserError: Nothing can be written to the folder, or the name cannot be filled in.
    """
    settings = {} if checkpoint is None else checkpoint.get("init_args", {})
    if settings.get("dirpath"):
        _check_dirpath(str(settings["dirpath"]))
    if settings.get("filename"):
        _check_filename(settings["filename"], settings.get("auto_insert_metric_name", True))


def _check_dirpath(dirpath: str) -> None:
    try:
        protocol = get_filesystem(dirpath).protocol
    except (ImportError, ValueError) as error:
        raise UserError(f"checkpoint.dirpath {dirpath!r}: {str(error).rstrip('.')}.") from error
    if "file" not in protocol:
        raise UserError(
            f"checkpoint.dirpath {dirpath!r}: not on a file system of this machine: checkpoints get their names "
            "there when they are whole. Give a folder, and copy what is in it."
        )


def _check_filename(filename: str, insert_names: bool) -> None:
    try:
        name = ModelCheckpoint()._format_checkpoint_name(filename, AnyMetric(), None, insert_names)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"checkpoint.filename {filename!r} cannot be filled in: {error}. Metrics stand in it as {{epoch}} or "
            "{val_acc:.4f}."
        ) from error
    if os.path.basename(name) != name:
        raise UserError(
            f"checkpoint.filename {filename!r} would lie in a folder of its own, from which no run goes on: leave out "
            f"'{os.sep}'. Where it is of a metric's name, set checkpoint.auto_insert_metric_name to false."
        )


def local_folders(trainer: Trainer) -> Iterator[Path]:
    """Give the folders of checkpoints; those of shards, which are folders themselves, are left out."""
    if is_sharded(trainer):
        return
    for callback in trainer.checkpoint_callbacks:
        dirpath = getattr(callback, "dirpath", None)
        if dirpath is not None and "file" in get_filesystem(dirpath).protocol:
            yield Path(dirpath)


def check_way_is_free(folder: Path) -> None:
    """Check that nothing lies where checkpoints are going to be written.

    Raises:
        UserError: A folder does.
    """
    for file in (folder / LAST, folder / PREVIOUS):
        if file.is_dir():
            raise UserError(f"'{file}' is a folder, where a checkpoint is going to be written: remove or rename it.")
