"""Weights of classes in the loss, from the numbers of their training images."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.suggestions import some_of

Weights = NDArray[np.float64]


class ClassWeights(ABC):
    """Gives rare classes more weight in the loss than frequent ones."""

    @abstractmethod
    def weights(self, counts: NDArray[np.int64]) -> Weights:
        """Give the weight of each class, (K,), for so many training images of each, at least 1."""


class Balanced(ClassWeights):
    """The inverse of a class's frequency, so that all classes count the same.

    The weights of all images have the mean 1, as scikit-learn's `compute_class_weight("balanced")`.
    """

    def weights(self, counts: NDArray[np.int64]) -> Weights:
        """Give `N / (K * counts)`."""
        balanced: Weights = counts.sum() / (len(counts) * counts)
        return balanced


class EffectiveNumber(ClassWeights):
    """The inverse of a class's effective number of images, which further images raise less and less.

    The weights of all classes have the mean 1.

    Source: Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", https://arxiv.org/abs/1901.05555

    Args:
        beta: In (0, 1). A class counts as at most 1 / (1 - beta) images: 1,000 with 0.999. Close to 0, all classes
            weigh the same; close to 1, by the inverse of their frequency.
    """

    def __init__(self, beta: float = 0.999) -> None:
        if not 0 < beta < 1:
            raise UserError(f"model.class_weights.beta must be between 0 and 1, got {beta}.")
        self.beta = beta

    def weights(self, counts: NDArray[np.int64]) -> Weights:
        """Give `(1 - beta) / (1 - beta ** counts)`, divided by their mean."""
        inverse = 1 / -np.expm1(counts * np.log(self.beta))
        normalised: Weights = inverse / inverse.mean()
        return normalised


def weighted(
    criterion: nn.Module, class_weights: ClassWeights, counts: Sequence[int] | None, class_names: Sequence[str]
) -> nn.Module:
    """Give a copy of a loss that has the weights of the classes for its `weight`.

    Args:
        criterion: A loss with a `weight`, such as `torch.nn.CrossEntropyLoss`, that is not set.
        class_weights: What the weights are.
        counts: Training images of each of the K classes; None if nobody has counted.
        class_names: Their names.

    Raises:
        UserError: The loss takes no weights, or has some; a class has no training images.
    """
    if not hasattr(criterion, "weight"):
        raise UserError(
            f"model.class_weights: {type(criterion).__name__} takes no weights of classes. CrossEntropyLoss, "
            "BinaryCrossEntropy and FocalLoss do."
        )
    if isinstance(criterion.weight, Tensor):
        raise UserError("model.class_weights would replace model.criterion.weight: leave one of them out.")
    if counts is None or len(counts) != len(class_names):
        raise UserError(
            f"model.class_weights needs class_counts, the number of training images of each of the {len(class_names)} "
            f"classes, got {counts}."
        )
    missing = [name for name, count in zip(class_names, counts, strict=True) if count == 0]
    if missing:
        raise UserError(
            f"model.class_weights: there are no training images of {some_of(missing)}. Add some, or remove the "
            f"class{'es' if len(missing) > 1 else ''}."
        )
    criterion = deepcopy(criterion)
    weights = torch.from_numpy(class_weights.weights(np.asarray(counts))).float()
    # Not persistent: on resume, the weights of the checkpoint would overrule those that are asked for.
    del criterion.weight
    criterion.register_buffer("weight", weights, persistent=False)
    return criterion
