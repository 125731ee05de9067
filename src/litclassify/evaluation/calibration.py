"""Whether probabilities are what they say."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from litclassify.evaluation.evaluation import Evaluation, Floats

NUM_BINS = 15


class Bins(NamedTuple):
    """Images by confidence, in bins of equal width; float64 (B,). Means of an empty bin are nan."""

    counts: Floats
    confidences: Floats
    """Mean confidence of a bin."""
    accuracies: Floats
    """Share of a bin that is right."""


def reliability_bins(confidences: Floats, correct: NDArray[np.bool_], num_bins: int = NUM_BINS) -> Bins:
    """Sort images (N,) into bins over [0, 1]; a bin includes its upper edge.

    Source: Guo et al., https://arxiv.org/abs/1706.04599, section 2.
    """
    edges = np.linspace(0, 1, num_bins + 1, dtype=np.float32)
    bins = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, num_bins - 1)
    counts, sums, hits = (
        np.bincount(bins, weights=weights, minlength=num_bins) for weights in (None, confidences, correct)
    )
    with np.errstate(invalid="ignore"):
        return Bins(counts.astype(np.float64), sums / counts, hits / counts)


def expected_calibration_error(confidences: Floats, correct: NDArray[np.bool_], num_bins: int = NUM_BINS) -> float:
    """Give the mean distance of confidence and accuracy over bins of equal width, weighted by their images.

    Source: as for `reliability_bins`, equation 3.
    """
    bins = reliability_bins(confidences, correct, num_bins)
    return float(np.nansum(bins.counts * np.abs(bins.accuracies - bins.confidences)) / bins.counts.sum())


def brier_score(evaluation: Evaluation) -> float:
    """Give the mean over images of the squared distance of probabilities from the target, in [0, 2]."""
    probabilities = evaluation.probabilities
    of_targets = probabilities[np.arange(len(evaluation)), evaluation.targets].astype(np.float64)
    squares = np.einsum("nk,nk->n", probabilities, probabilities, dtype=np.float64)
    return float((squares - 2 * of_targets + 1).mean())
