"""What rejecting uncertain images leaves."""

import math
from typing import NamedTuple

import numpy as np

from litclassify.evaluation.evaluation import Evaluation, Floats


class Coverage(NamedTuple):
    """What is left for every number of images kept, from the surest one up: (N,) each."""

    shares: Floats
    """Share of the images that are kept."""
    accuracies: Floats
    """Share of the kept images that are right."""


def coverage_curve(evaluation: Evaluation, scores: Floats) -> Coverage:
    """Give accuracy over coverage, where images are kept in the order of their scores (N,), the highest first."""
    order = np.argsort(-scores, kind="stable")
    kept = np.arange(1, len(order) + 1)
    return Coverage(kept / len(order), np.cumsum(evaluation.correct[order]) / kept)


def threshold_keeping(scores: Floats, share: float) -> float:
    """Give the highest threshold at which at least a share of the images (N,) is kept."""
    kept = max(1, math.ceil(share * len(scores)))
    return float(np.partition(scores, len(scores) - kept)[len(scores) - kept])
