"""How far scores would vary over other test sets of the same kind."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from litclassify.evaluation import class_scores
from litclassify.evaluation.class_scores import macro
from litclassify.evaluation.evaluation import ClassCounts, Evaluation, Floats

Interval = tuple[float, float]
PERCENTILES = (2.5, 97.5)
SEED = 0
FROM_COUNTS: Mapping[str, Callable[[ClassCounts], Floats]] = {
    "precision": lambda counts: macro(class_scores.precision(counts), counts),
    "recall": lambda counts: macro(class_scores.recall(counts), counts),
    "f1": lambda counts: macro(class_scores.f1(counts), counts),
    "kappa": class_scores.cohen_kappa,
    "mcc": class_scores.matthews_correlation,
}
"""Scores that follow from how many images of each class there are, and were predicted, and both."""


def bootstrap_intervals(evaluation: Evaluation, resamples: int) -> dict[str, Interval]:
    """Give 95% confidence intervals, by drawing as many images again and again, with replacement.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3 (percentiles).

    Args:
        evaluation: Of at least one image.
        resamples: How many draws, at least 1.

    Returns:
        Low and high by name of the figure, nan for a figure that is.
    """
    generator = np.random.default_rng(SEED)
    draws = _drawn_counts(evaluation.confusion, resamples, generator)
    values = {name: score(draws) for name, score in FROM_COUNTS.items()}
    values["acc"] = draws.hits.sum(axis=-1) / len(evaluation)
    values["nll"] = np.array(
        [generator.choice(evaluation.losses, size=len(evaluation)).mean() for _ in range(resamples)]
    )
    return {name: interval_of(drawn) for name, drawn in values.items()}


def _drawn_counts(confusion: NDArray[np.int64], resamples: int, generator: np.random.Generator) -> ClassCounts:
    """Draw counts, (resamples, K) each: to draw images is to draw cells of the confusion matrix, which are fewer."""
    targets, predictions = confusion.nonzero()
    images = confusion[targets, predictions]
    total, num_classes = images.sum(), len(confusion)
    hits, support, predicted = np.zeros((3, resamples, num_classes))
    for i in range(resamples):
        cells = generator.multinomial(total, images / total)
        hits[i] = np.bincount(targets, cells * (targets == predictions), num_classes)
        support[i] = np.bincount(targets, cells, num_classes)
        predicted[i] = np.bincount(predictions, cells, num_classes)
    return ClassCounts(hits, support, predicted)


def interval_of(values: Floats) -> Interval:
    """Give the range of the middle 95% of drawn values (R,), without those that are nan; nan between infinite ones."""
    known = values[~np.isnan(values)]  # Chance may draw images of one class alone, of which kappa says nothing.
    if not known.size:
        return float("nan"), float("nan")
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(known, PERCENTILES)
    return float(low), float(high)
