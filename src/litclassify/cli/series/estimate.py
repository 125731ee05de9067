"""What a few values say of their mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from litclassify.cli.config.metric_names import bounds

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """Mean, standard deviation and the confidence interval of the mean; of a single value, the mean alone."""

    n: int
    mean: float
    std: float | None = None
    low: float | None = None
    high: float | None = None


def estimate(values: Sequence[float], metric: str) -> Estimate:
    """Estimate a mean with its 95% confidence interval by Student's t, as far as that is possible for a metric.

    Args:
        values: At least one.
        metric: Its name, which tells between which values it lies; one in percent lies beyond, and is left as it is.
    """
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return Estimate(n, mean)
    std = float(np.std(values, ddof=1))
    half_width = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * std / math.sqrt(n)
    lowest, highest = bounds(metric)
    if not lowest <= mean <= highest:
        return Estimate(n, mean, std, mean - half_width, mean + half_width)
    return Estimate(n, mean, std, max(mean - half_width, lowest), min(mean + half_width, highest))
