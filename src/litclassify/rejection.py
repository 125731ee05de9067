"""Answering "unknown" where a classifier is not sure enough."""

import math
from abc import ABC, abstractmethod

from torch import Tensor

from litclassify.errors import UserError


class Rejection(ABC):
    """Rejects images whose score lies below a threshold: they belong to no class, or are too hard.

    The report of a test lists thresholds with what they keep and how accurate that is.

    Args:
        threshold: The lowest score that is accepted.
        label: What rejected images are predicted as.
    """

    def __init__(self, threshold: float, label: str = "unknown") -> None:
        if not math.isfinite(threshold):
            raise UserError(f"model.rejection.threshold must be a number, got {threshold}.")
        self.threshold = threshold
        self.label = label

    def accepts(self, logits: Tensor, probabilities: Tensor) -> Tensor:
        """Say which images are accepted, bool (N,), by logits and probabilities (N, K)."""
        return self.scores(logits, probabilities) >= self.threshold

    @abstractmethod
    def scores(self, logits: Tensor, probabilities: Tensor) -> Tensor:
        """Give the score of each image, (N,): the higher, the surer."""


class ConfidenceThreshold(Rejection):
    """Goes by the probability of the most probable class, after calibration.

    Source: Hendrycks and Gimpel, https://arxiv.org/abs/1610.02136

    Args:
        threshold: The lowest confidence that is accepted, in (0, 1).
        label: What rejected images are predicted as.
    """

    def __init__(self, threshold: float, label: str = "unknown") -> None:
        super().__init__(threshold, label)
        if not 0 < threshold < 1:
            raise UserError(f"model.rejection.threshold must be between 0 and 1, got {threshold}.")

    def scores(self, logits: Tensor, probabilities: Tensor) -> Tensor:
        """Give the confidence."""
        return probabilities.amax(dim=1)


class EnergyThreshold(Rejection):
    """Goes by the energy of the logits: the logarithm of the sum of their exponentials.

    It tells images of no class at all better than confidence does, which a softmax spreads over the classes in any
    case; it knows less about images between two classes.

    Source: Liu et al., https://arxiv.org/abs/2010.03759, equation 4, with the opposite sign: the higher, the surer.

    Args:
        threshold: The lowest energy that is accepted, on the scale of the logits.
        label: What rejected images are predicted as.
    """

    def scores(self, logits: Tensor, probabilities: Tensor) -> Tensor:
        """Give the energy."""
        return logits.logsumexp(dim=1)
