"""Smaller images in the first epochs."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from litclassify.errors import UserError
from litclassify.models import ImageClassifier, is_fast_dev_run, num_epochs
from litclassify.networks import check_input

KEY = "ProgressiveResizing"


class ProgressiveResizing(Callback):
    """Train the first epochs on smaller images: half as many pixels cost half the time, and teach almost as much.

    Images are made smaller where the network takes them in; validation and test see them whole.

    Source: Howard, https://www.fast.ai/posts/2018-04-30-dawnbench-fastai.html

    Args:
        epochs: For how many epochs, from the first; fewer than the run has.
        scale: Height and width over those of the whole image, between 0 and 1.

    Raises:
        UserError: A value outside of its range, or a network that does not take the smaller images.
    """

    def __init__(self, epochs: int, scale: float = 0.75) -> None:
        if epochs < 1:
            raise UserError(f"{KEY}.epochs must be at least 1, got {epochs}.")
        if not 0 < scale < 1:
            raise UserError(f"{KEY}.scale must be between 0 and 1, got {scale}.")
        self.epochs = epochs
        self.scale = scale

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make what goes into the network smaller, as long as it trains and the epochs last."""
        if not isinstance(pl_module, ImageClassifier):
            raise UserError(f"{KEY} is for classifiers of this package, got {type(pl_module).__name__}.")
        length = num_epochs(trainer)
        if length is not None and length <= self.epochs and not is_fast_dev_run(trainer):
            raise UserError(
                f"{KEY}.epochs={self.epochs} leaves no epoch of whole images: training ends after epoch {length}."
            )
        self._check_network(pl_module)

        def resize(network: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            if not network.training or trainer.current_epoch >= self.epochs:
                return inputs
            images, *others = inputs
            return self.resized(images), *others

        self._hook = pl_module.network.register_forward_pre_hook(resize)

    def resized(self, images: Tensor) -> Tensor:
        """Give images (N, C, H, W) smaller, averaged over what falls into a pixel."""
        return interpolate(images, self._size(images.shape), mode="bilinear", antialias=True)

    def _size(self, shape: Any) -> tuple[int, int]:
        height, width = (max(1, round(side * self.scale)) for side in shape[-2:])
        return height, width

    def _check_network(self, classifier: ImageClassifier) -> None:
        shape = classifier.hparams.get("image_shape")
        if shape is None:
            return
        small = (shape[0], *self._size(shape))
        try:
            # A network that was compiled would be so for these two images, and say less of what does not fit.
            with torch.compiler.set_stance("force_eager"):
                check_input(classifier.network, small, num_classes=len(classifier.class_names))
        except UserError as error:
            raise UserError(f"{KEY}.scale={self.scale}: {error}") from error

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the network as it was."""
        self._hook.remove()
