"""A first layer that whitens patches of images."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from litclassify.errors import UserError

# Added to each variance, of images of standard deviation 1: directions with less of it are noise.
EPSILON = 5e-4


class PatchWhitening(Callback):
    """Set the filters of `Airbench`'s first layer from the first training batch, and keep them.

    What the filters give for patches of these images is uncorrelated and of variance 1; the second half of the filters
    is the first with the opposite sign. The later layers then learn in fewer steps.

    Source: https://arxiv.org/abs/2404.00498, section 3.1.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Exempt the filters from training, on resuming, too."""
        if stage != "fit":
            return
        layer = getattr(pl_module.network, "whitening", None)
        if not isinstance(layer, nn.Conv2d):
            raise UserError(
                f"PatchWhitening needs a network with a layer for it, such as Airbench, got "
                f"{type(pl_module.network).__name__}: leave it out of trainer.callbacks."
            )
        if pl_module.hparams.get("init_from"):
            raise UserError(
                "PatchWhitening would replace the first layer that model.init_from brings: leave one of them out."
            )
        layer.weight.requires_grad_(False)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set the filters before the first step."""
        if trainer.current_epoch or batch_idx:
            return
        weight: Tensor = pl_module.network.whitening.weight
        filters = whitening_filters(pl_module.normalize(batch[0]), weight.shape[2:])
        with torch.no_grad():
            weight.copy_(trainer.strategy.broadcast(torch.cat([filters, -filters])))
            nn.init.zeros_(pl_module.network.whitening.bias)


def whitening_filters(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Give the filters whose outputs, over all patches of the images, are uncorrelated and of variance 1.

    Args:
        images: Float (N, C, H, W).
        size: Height h and width w of a patch.

    Returns:
        One filter for each value of a patch, that of the largest variance first: (C * h * w, C, h, w).
    """
    patches = nn.functional.unfold(images, size).transpose(1, 2).flatten(0, 1).double()
    variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (directions / (variances + EPSILON).sqrt()).T.flip(0)
    return filters.reshape(-1, images.shape[1], *size).to(images.dtype)
