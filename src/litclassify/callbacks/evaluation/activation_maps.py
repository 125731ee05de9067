"""Where a classifier sees classes, while a Trainer runs it."""

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from torch import Tensor

from litclassify.callbacks.sharding import is_sharded
from litclassify.errors import UserError
from litclassify.explanation import class_activation_map, find_feature_layer
from litclassify.models import ImageClassifier


def activation_maps(
    trainer: Trainer, classifier: ImageClassifier, images: Tensor, classes: Tensor, layer: str
) -> NDArray[np.floating[Any]]:
    """Compute the maps of `class_activation_map` on the classifier's device, in the Trainer's precision."""
    with trainer.precision_plugin.forward_context():
        return (
            class_activation_map(classifier, _as_in_a_step(trainer, classifier, images), classes, layer).cpu().numpy()
        )


def activation_layer(trainer: Trainer, classifier: ImageClassifier, images: Tensor) -> str:
    """Find the layer for these maps.

    Raises:
        UserError: The network has none.
    """
    with trainer.precision_plugin.forward_context():
        return find_feature_layer(classifier, _as_in_a_step(trainer, classifier, images))


def maps_if_any(
    trainer: Trainer, classifier: ImageClassifier, images: NDArray[np.generic], classes: NDArray[np.int64]
) -> NDArray[np.floating[Any]] | None:
    """Give the maps (n, M, H, W) of images (n, C, H, W) and classes (n, M), or None from a network that has none.

    Of one that is divided among processes there are none, either: this one would wait for the others.
    """
    if is_sharded(trainer):
        name = type(trainer.strategy).__name__
        rank_zero_warn(f"Predictions are not explained: {name} divides the network, and the report is of one process.")
        return None
    pixels = torch.from_numpy(images)
    try:
        layer = activation_layer(trainer, classifier, pixels)
        return activation_maps(trainer, classifier, pixels, torch.from_numpy(classes), layer)
    except UserError:
        return None
    except RuntimeError as error:  # A network of the user's own that cannot be differentiated: its test is worth more.
        rank_zero_warn(f"Predictions are not explained: {error}")
        return None


def _as_in_a_step(trainer: Trainer, classifier: ImageClassifier, images: Tensor) -> Tensor:
    converted: Tensor = trainer.precision_plugin.convert_input(images.to(classifier.device))
    return converted
