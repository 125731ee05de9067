"""The first training batch as pictures."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.utils import make_grid

from litclassify.callbacks.tensorboard import tensorboard_writers

# TensorBoard shows small pictures at their own size: an 8x8 digit would be a dot.
MIN_SIDE = 64


class SampleImages(Callback):
    """Show the first training images, augmented as the network sees them, in TensorBoard.

    Args:
        max_images: At most this many of the first batch, at least 1.
    """

    def __init__(self, max_images: int = 32) -> None:
        self.max_images = max_images

    @rank_zero_only
    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write the grid once, before the first step."""
        if batch_idx > 0 or trainer.current_epoch > 0:
            return
        grid = image_grid(batch[0][: self.max_images])
        for writer in tensorboard_writers(trainer):
            writer.add_image("train_images", grid, trainer.global_step)


def image_grid(images: Tensor) -> Tensor:
    """Lay images (N, C, H, W), uint8 or float in [0, 1], out in rows of 8: uint8 (C, H', W')."""
    pixels = images if not images.is_floating_point() else (images.clamp(0, 1) * 255).round().byte()
    scale = -(-MIN_SIDE // min(pixels.shape[-2:]))
    if scale > 1:
        pixels = interpolate(pixels, scale_factor=scale, mode="nearest")
    grid: Tensor = make_grid(pixels, nrow=8)
    return grid
