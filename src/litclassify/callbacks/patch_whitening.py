"""A first layer that whitens patches of images."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.models import ImageClassifier
from litclassify.networks.airbench import PATCH, Airbench

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
        if pl_module.hparams.get("init_from"):
            raise UserError(
                "PatchWhitening would replace the first layer that model.init_from brings: leave one of them out."
            )
        _first_layer(pl_module).weight.requires_grad_(False)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set the filters before the first step."""
        if trainer.current_epoch or batch_idx:
            return
        assert isinstance(pl_module, ImageClassifier)
        layer = _first_layer(pl_module)
        filters = whitening_filters(pl_module.normalize(batch[0]), PATCH)
        with torch.no_grad():
            layer.weight.copy_(trainer.strategy.broadcast(torch.cat([filters, -filters])))
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)


def _first_layer(pl_module: LightningModule) -> nn.Conv2d:
    network = pl_module.network
    if not isinstance(network, Airbench):
        raise UserError(
            f"PatchWhitening is for the network Airbench, got {type(network).__name__}: leave it out of "
            f"trainer.callbacks."
        )
    return network.whitening


def whitening_filters(images: Tensor, size: int) -> Tensor:
    """Give the filters whose outputs, over all patches of the images, are uncorrelated and of variance 1.

    Args:
        images: Float (N, C, H, W).
        size: Height and width of a patch.

    Returns:
        One filter for each value of a patch, that of the largest variance first: (C * size**2, C, size, size).
    """
    patches = nn.functional.unfold(images, size).transpose(1, 2).flatten(0, 1).double()
    variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters: Tensor = (directions / (variances + EPSILON).sqrt()).T.flip(0)
    return filters.reshape(-1, images.shape[1], size, size).to(images.dtype)
