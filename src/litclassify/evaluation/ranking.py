"""How well the probability of a class ranks its images before the others."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from litclassify.evaluation.evaluation import Floats

# A figure has about as many pixels.
DRAWN_STEPS = 500


class Curve(NamedTuple):
    """Counts at every threshold that makes a difference, from the highest down; float64 (T,), starting at 0."""

    hits: Floats
    """Positives at or above the threshold."""
    false_alarms: Floats
    """Negatives at or above the threshold."""

    @property
    def recall(self) -> Floats:
        """Share of the positives, also called true positive rate."""
        recall: Floats = self.hits / self.hits[-1]
        return recall

    @property
    def false_positive_rate(self) -> Floats:
        """Share of the negatives."""
        rate: Floats = self.false_alarms / self.false_alarms[-1]
        return rate

    @property
    def precision(self) -> Floats:
        """Share of positives among what is at or above the threshold; 1 for nothing."""
        found = self.hits + self.false_alarms
        return np.divide(self.hits, found, out=np.ones_like(found), where=found > 0)

    def thinned(self, steps: int = DRAWN_STEPS) -> "Curve":
        """Give the points at which either rate has come a step further, of so many steps from 0 to 1."""
        moved = [
            np.diff(np.floor(steps * counts / max(counts[-1], 1)), prepend=-1) != 0
            for counts in (self.hits, self.false_alarms)
        ]
        kept = moved[0] | moved[1]
        kept[-1] = True
        return Curve(*(values[kept] for values in self))


def threshold_curve(scores: Floats, positives: NDArray[np.bool_]) -> Curve:
    """Count positives and negatives above each threshold.

    Args:
        scores: Of N images, (N,).
        positives: Which of them are positive, (N,).
    """
    order = np.argsort(-scores)  # Equal scores are one threshold, in whatever order they come.
    ranked = scores[order]
    last_of_equals = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(positives[order], dtype=np.float64)[last_of_equals]
    false_alarms = last_of_equals + 1 - hits
    return Curve(hits=np.append(0.0, hits), false_alarms=np.append(0.0, false_alarms))


def area_under_roc(curve: Curve) -> float:
    """Give the probability that a positive ranks before a negative, equals counting half; nan if there are no pairs."""
    if not (curve.hits[-1] and curve.false_alarms[-1]):
        return float("nan")
    return float(trapezoid(curve.recall, curve.false_positive_rate))


def average_precision(curve: Curve) -> float:
    """Give the mean precision over the positives, without interpolation; nan if there are none."""
    if not curve.hits[-1]:
        return float("nan")
    return float((np.diff(curve.recall) * curve.precision[1:]).sum())
