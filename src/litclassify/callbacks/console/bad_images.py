"""Which images could not be read, at the end."""

from typing import Protocol

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info


class BadImageList(Protocol):
    """What knows the images that could not be read."""

    def summary(self) -> str:
        """Say how many there are of how many, and where the list is; nothing if there are none."""


class BadImagesSummary(Callback):
    """Say how many images could not be read, when a command has ended.

    Args:
        bad_images: Of the data.
    """

    def __init__(self, bad_images: BadImageList) -> None:
        self.bad_images = bad_images
        self._said = ""

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Say it, if there are any, and if a test after training has found more."""
        summary = self.bad_images.summary()
        if summary != self._said:
            rank_zero_info(summary)
        self._said = summary
