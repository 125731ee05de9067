"""What a classifier said of a set of images, beside what is true."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from litclassify.temperature import in_parts

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


class ClassCounts(NamedTuple):
    """How many images of each class there are: (..., K) each."""

    hits: NDArray[Any]
    """That have the class, and are predicted to."""
    support: NDArray[Any]
    """That have the class."""
    predicted: NDArray[Any]
    """That are predicted to have it."""


def class_counts(predicted: Integers, targets: Integers, num_classes: int) -> ClassCounts:
    """Count the images of each of K classes by prediction and target, int64 (N,) each: (K,) each."""
    images = (targets[predicted == targets], targets, predicted)
    return ClassCounts(*(np.bincount(classes, minlength=num_classes) for classes in images))


@dataclass(frozen=True)
class Evaluation:
    """Logits and targets of N images and K classes, in the order of the data set."""

    logits: Floats
    """float32 (N, K), before any temperature."""
    targets: Integers
    """int64 (N,)."""
    class_names: Sequence[str]
    """K names."""
    temperature: float = 1.0
    """By which the logits are divided before they become probabilities."""

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @cached_property
    def probabilities(self) -> Floats:
        """Probability of every class, float32 (N, K)."""
        return self._of_logits(lambda logits: softmax(logits / np.float32(self.temperature), axis=1))

    @cached_property
    def predicted(self) -> Integers:
        """The most probable class, the first of several; int64 (N,)."""
        predicted: Integers = self.logits.argmax(axis=1)
        return predicted

    @cached_property
    def confidences(self) -> Floats:
        """Probability of the most probable class, float32 (N,)."""
        confidences: Floats = self.probabilities.max(axis=1)
        return confidences

    @cached_property
    def energies(self) -> Floats:
        """Logarithm of the sum of the logits' exponentials, (N,): as `EnergyThreshold` goes by it."""
        return self._of_logits(lambda logits: logsumexp(logits, axis=1))

    @cached_property
    def correct(self) -> Bools:
        """Whether the most probable class is the target, (N,)."""
        correct: Bools = self.predicted == self.targets
        return correct

    @cached_property
    def losses(self) -> Floats:
        """Negative logarithm of the target's probability, float64 (N,)."""
        own = self.logits[np.arange(len(self)), self.targets].astype(np.float64) / self.temperature
        losses: Floats = self._log_totals - own
        return losses

    def scores(self) -> Iterator[Floats]:
        """Give what ranks the images for each class in turn: the logarithm of its odds, float32 (N,).

        Probabilities of float32 near 1 are equal where these are not.
        """
        for k, column in enumerate(np.ascontiguousarray(self.logits.T)):
            logits = column.astype(np.float64) / self.temperature
            with np.errstate(divide="ignore"):  # Where it is the most probable class, which may have all.
                rests = self._log_totals + np.log1p(-np.exp(logits - self._log_totals))
            # What rounding makes of equal odds is equal again in float32.
            yield (logits - np.where(self.predicted == k, self._log_rests, rests)).astype(np.float32)

    @cached_property
    def _log_totals(self) -> Floats:
        """Logarithm of the sum of all classes' exponentials at the temperature, float64 (N,)."""
        return self._of_logits(lambda logits: logsumexp(logits.astype(np.float64) / self.temperature, axis=1))

    @cached_property
    def _log_rests(self) -> Floats:
        """The same without the most probable class, float64 (N,)."""

        def log_rests(logits: Floats) -> Floats:
            others = logits.astype(np.float64) / self.temperature
            others[np.arange(len(others)), logits.argmax(axis=1)] = -np.inf
            rests: Floats = logsumexp(others, axis=1)
            return rests

        return self._of_logits(log_rests)

    def _of_logits(self, function: Callable[[Floats], Floats]) -> Floats:
        """Give what a function of each image's logits gives for all images."""
        return np.concatenate([function(logits) for logits in in_parts(self.logits)])

    @cached_property
    def confusion(self) -> Integers:
        """Images by target (row) and prediction (column), int64 (K, K)."""
        cells = np.bincount(self.targets * self.num_classes + self.predicted, minlength=self.num_classes**2)
        return cells.reshape(self.num_classes, self.num_classes)

    @cached_property
    def counts(self) -> ClassCounts:
        """Images of each class, (K,) each."""
        return class_counts(self.predicted, self.targets, self.num_classes)

    def positives(self, k: int) -> Bools:
        """Which images have class k, (N,)."""
        positives: Bools = self.targets == k
        return positives

    def answers(self, separator: str) -> tuple[list[str], list[str]]:
        """Give the target and the prediction of each image by name, N each, one class, which needs no separator."""
        names = np.array(self.class_names, dtype=object)
        return names[self.targets].tolist(), names[self.predicted].tolist()

    def at_temperature(self, temperature: float) -> "Evaluation":
        """Give the same, with probabilities at another temperature."""
        return Evaluation(self.logits, self.targets, self.class_names, temperature)
