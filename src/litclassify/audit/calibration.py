"""Probabilities that are as sure as they are right."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from litclassify.temperature import Floats, fit_temperature, in_parts

# More images give the same temperature, in more time.
AT_MOST = 10_000


def calibrated(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Iterator[Floats]:
    """Give probabilities at the temperature at which the targets are most likely, some rows at a time.

    Args:
        probabilities: Of classifiers that were not fitted to the targets, (N, K); NaN in the rows of images without.
        targets: int64 (N,).

    Yields:
        As `in_parts` does; each row sums to 1 or is NaN, as it was.
    """
    temperature = _temperature(probabilities, targets)
    for rows in in_parts(probabilities):
        yield softmax(_logits(rows) / temperature, axis=1)


def _logits(probabilities: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logits: Floats = np.log(probabilities)
    return logits


def _temperature(probabilities: Floats, targets: npt.NDArray[np.int64]) -> float:
    possible = np.flatnonzero(probabilities[np.arange(len(targets)), targets] > 0)
    if not len(possible):
        return 1.0
    some = possible[:: -(-len(possible) // AT_MOST)]
    return fit_temperature(_logits(probabilities[some]), targets[some])
