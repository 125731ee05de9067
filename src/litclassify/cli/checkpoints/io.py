"""How checkpoints are written."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.cloud_io import get_filesystem
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.plugins.io import TorchCheckpointIO

from litclassify.files.durable_files import replacing
from litclassify.files.seals import seal


class DurableCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are on the disk, complete, before they have their name; a failure leaves an older one as it was.

    Each holds a checksum, see `litclassify.files.seals`.

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
        try:
            self._write(checkpoint, Path(path))
        except FileNotFoundError:  # The folder has been deleted meanwhile.
            self._write(checkpoint, Path(path))

    @staticmethod
    def _write(checkpoint: dict[str, Any], file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as output:
            try:
                torch.save(checkpoint, output)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):  # A full disk and a mistake of ours raise the same.
                    raise error.__context__ from None
                raise
            seal(output)
