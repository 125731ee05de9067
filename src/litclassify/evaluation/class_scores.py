"""Scores of predictions, class by class and averaged."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from litclassify.evaluation.evaluation import ClassCounts, Floats


def precision(counts: ClassCounts) -> Floats:
    """Give, of what is predicted as a class, the share that is right: (..., K), 0 if there is nothing."""
    return _share(counts.hits, counts.predicted)


def recall(counts: ClassCounts) -> Floats:
    """Give, of the images of a class, the share that is found: (..., K), 0 if there are none."""
    return _share(counts.hits, counts.support)


def f1(counts: ClassCounts) -> Floats:
    """Give the harmonic mean of precision and recall: (..., K), 0 for a class that does not occur."""
    return _share(2 * counts.hits, counts.support + counts.predicted)


def macro(scores: Floats, counts: ClassCounts) -> Floats:
    """Give the mean over the classes that are target or prediction of any image: (..., K) to (...,)."""
    occurs = counts.support + counts.predicted > 0
    mean: Floats = (scores * occurs).sum(axis=-1) / occurs.sum(axis=-1)
    return mean


def pooled(counts: ClassCounts) -> ClassCounts:
    """Count as if all classes were one: (..., K) to (...,)."""
    return ClassCounts(*(part.sum(axis=-1) for part in counts))


def cohen_kappa(counts: ClassCounts) -> Floats:
    """Give the agreement of targets and predictions beyond that of chance: (..., K) to (...,).

    It is not a number where both are always the same class.

    Source: Cohen, https://doi.org/10.1177/001316446002000104
    """
    total, hits, by_chance = _agreement(counts)
    with np.errstate(invalid="ignore"):
        kappa: Floats = (total * hits - by_chance) / (total**2 - by_chance)
    return kappa


def matthews_correlation(counts: ClassCounts) -> Floats:
    """Give the correlation of targets and predictions: (..., K) to (...,); 0 where one of them is always the same.

    Source: Gorodkin, https://doi.org/10.1016/j.compbiolchem.2004.09.006, equation 8.
    """
    total, hits, by_chance = _agreement(counts)
    of_targets, of_predictions = (total**2 - (n.astype(float) ** 2).sum(axis=-1) for n in counts[1:])
    return _share(total * hits - by_chance, np.sqrt(of_targets * of_predictions))


def _agreement(counts: ClassCounts) -> tuple[Floats, Floats, Floats]:
    """Give the number of images, that of hits, and the hits that chance would give times the number of images."""
    hits, support, predicted = (np.asarray(n, dtype=np.float64) for n in counts)
    return support.sum(axis=-1), hits.sum(axis=-1), (support * predicted).sum(axis=-1)


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    share: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
    return share
