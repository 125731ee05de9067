"""The first training batch as pictures."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.utils import make_grid

from litclassify.callbacks.tensorboard.writers import tensorboard_writers
from litclassify.errors import UserError
from litclassify.models import ImageClassifier

# TensorBoard shows small pictures at their own size: an 8x8 digit would be a dot.
MIN_SIDE = 64


class SampleImages(Callback):
    """Show the first training images in TensorBoard as the network sees them, augmented and mixed.

    Args:
        max_images: At most this many of the first batch, at least 1.
    """

    def __init__(self, max_images: int = 32) -> None:
        if max_images < 1:
            raise UserError(f"SampleImages.max_images must be at least 1, got {max_images}.")
        self.max_images = max_images

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Write the grid before the first step, and be called no more."""
        self.on_train_batch_start = None  # type: ignore[method-assign, assignment] # Lightning passes over it.
        if trainer.global_step == 0 and trainer.is_global_zero:
            self._show(trainer, pl_module, batch, batch_idx)

    def _show(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        images, _ = pl_module.mixed(batch, batch_idx) if isinstance(pl_module, ImageClassifier) else batch
        grid = image_grid(images[: self.max_images])
        for writer in tensorboard_writers(trainer):
            writer.add_image("train_images", grid, trainer.global_step)


def image_grid(images: Tensor) -> Tensor:
    """Lay images (N, C, H, W), uint8 or float in [0, 1], out in rows of 8: uint8 (3, H', W'), of odd ones channel 0."""
    images = images if images.shape[1] in (1, 3) else images[:, :1]
    pixels = images if not images.is_floating_point() else (images.clamp(0, 1) * 255).round().byte()
    scale = -(-MIN_SIDE // min(pixels.shape[-2:]))
    if scale > 1:
        pixels = interpolate(pixels, scale_factor=scale, mode="nearest")
    grid: Tensor = make_grid(pixels, nrow=8)
    return grid
