"""How checkpoints are written."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.cloud_io import get_filesystem
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.plugins.io import TorchCheckpointIO


class DurableCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are on the disk, complete, before they have their name; a failure leaves an older one as it was.

    Lightning's own builds the file in memory first, which takes twice the memory and the time, and does not wait for
    the disk. Remote files go its way.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Write a checkpoint, and make its folder if there is none.

        Raises:
            OSError: The folder cannot be written to, or is full.
        """
        if "file" not in get_filesystem(path).protocol:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial_file = file.with_name(f".{file.name}.part")
        try:
            with partial_file.open("wb") as output:
                torch.save(checkpoint, output)
                output.flush()
                os.fsync(output.fileno())
            partial_file.replace(file)
            _sync_folder(file.parent)
        except BaseException:
            partial_file.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open folders; its file system keeps the order of renames.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
