"""What a classifier said of images that have several labels, beside what is true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from litclassify.evaluation.evaluation import Bools, ClassCounts, Evaluation, Floats


@dataclass(frozen=True)
class LabelEvaluation:
    """Logits and targets of N images, each of which has any of K labels, or none; in the order of the data set."""

    logits: Floats
    """float32 (N, K)."""
    targets: Bools
    """Which labels an image has, (N, K)."""
    class_names: Sequence[str]
    """K names."""
    threshold: float = 0.5
    """The probability above which a label is predicted."""

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def probabilities(self) -> Floats:
        """Probability of every label, float32 (N, K)."""
        probabilities: Floats = expit(self.logits)
        return probabilities

    @cached_property
    def predicted(self) -> Bools:
        """Which labels are predicted, (N, K)."""
        return self.predicted_above(self.threshold)

    @cached_property
    def confidences(self) -> Floats:
        """Probability of the most probable label, float32 (N,)."""
        confidences: Floats = self.probabilities.max(axis=1)
        return confidences

    @cached_property
    def correct(self) -> Bools:
        """Whether all labels of an image are right, (N,)."""
        correct: Bools = (self.predicted == self.targets).all(axis=1)
        return correct

    @cached_property
    def losses(self) -> Floats:
        """Binary cross-entropy of an image, the mean over its K decisions; float64 (N,)."""
        towards_wrong = np.where(self.targets, -self.logits, self.logits)
        losses: Floats = np.logaddexp(0, towards_wrong).mean(axis=1, dtype=np.float64)
        return losses

    @cached_property
    def counts(self) -> ClassCounts:
        """Images of each label, (K,) each."""
        return self.counts_above(self.threshold)

    def predicted_above(self, threshold: float) -> Bools:
        """Which labels would be predicted with another threshold, (N, K)."""
        predicted: Bools = self.probabilities > np.float32(threshold)
        return predicted

    def counts_above(self, threshold: float) -> ClassCounts:
        """Images of each label with another threshold, (K,) each."""
        predicted = self.predicted_above(threshold)
        return ClassCounts(*(part.sum(axis=0) for part in (predicted & self.targets, self.targets, predicted)))

    def scores(self) -> Iterator[Floats]:
        """Give what ranks the images for each label in turn: its probability, float32 (N,), as the classifier does."""
        yield from np.ascontiguousarray(self.probabilities.T)

    def positives(self, k: int) -> Bools:
        """Which images have label k, (N,)."""
        return self.targets[:, k]

    def answers(self, separator: str) -> tuple[list[str], list[str]]:
        """Give the labels of each image and those predicted by name, N each, in one text with a separator."""
        names = np.array(self.class_names, dtype=object)
        targets, predicted = ([separator.join(names[row]) for row in rows] for rows in (self.targets, self.predicted))
        return targets, predicted


AnyEvaluation = Evaluation | LabelEvaluation
