"""Two classifiers on the same images."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


class PairedTest(NamedTuple):
    """Images that only one of two classifiers has right."""

    only_first: int
    only_second: int
    p_value: float
    """How likely so uneven a share would be, if both were right equally often."""


def mcnemar_test(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> PairedTest:
    """Compare by the images that one has right and the other wrong, which are exactly binomial.

    Source: McNemar, https://doi.org/10.1007/BF02295996

    Args:
        first: Which images one classifier has right, (N,).
        second: Which images the other has right, in the same order, (N,).
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differing = only_first + only_second
    p_value = binomtest(only_first, differing).pvalue if differing else 1.0
    return PairedTest(only_first, only_second, float(p_value))
