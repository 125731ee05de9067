"""The picture of a search, in a run."""

from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image

from litclassify.callbacks.tensorboard.writers import tensorboard_writers


class SearchPicture(Callback):
    """Writes the picture into the run, and shows it in TensorBoard by the name of the file.

    Args:
        picture: What the search has drawn.
        path: PNG file.
    """

    def __init__(self, picture: Image.Image, path: Path) -> None:
        self.picture = picture
        self.path = path

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it once."""
        self.picture.save(self.path)
        for writer in tensorboard_writers(trainer):
            writer.add_image(self.path.stem, np.asarray(self.picture), dataformats="HWC")
