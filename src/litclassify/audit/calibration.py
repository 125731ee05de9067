"""Probabilities that are as sure as they are right."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

# Outside of it, probabilities are all alike, or all 0 and 1.
TEMPERATURES = (0.05, 1000.0)
# More images give the same temperature, in more time.
AT_MOST = 10_000
# What is computed of a row takes several times its memory.
ROWS_AT_ONCE = 1 << 10

Floats = npt.NDArray[np.floating[Any]]


def calibrated(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Iterator[Floats]:
    """Give probabilities at the temperature at which the targets are most likely, some rows at a time.

    Source: Guo et al., https://arxiv.org/abs/1706.04599, section 4.2.

    Args:
        probabilities: Of classifiers that were not fitted to the targets, (N, K); NaN in the rows of images without.
        targets: int64 (N,).

    Yields:
        (M, K), M at most 1,024, in order, once at least; each row sums to 1 or is NaN, as it was.
    """
    temperature = _temperature(probabilities, targets)
    for rows in _parts(probabilities):
        yield softmax(_logits(rows) / temperature, axis=1)


def _parts(values: Floats) -> Iterator[Floats]:
    for start in range(0, max(1, len(values)), ROWS_AT_ONCE):
        yield values[start : start + ROWS_AT_ONCE]


def _logits(probabilities: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logits: Floats = np.log(probabilities)
    return logits


def _temperature(probabilities: Floats, targets: npt.NDArray[np.int64]) -> float:
    possible = np.flatnonzero(probabilities[np.arange(len(targets)), targets] > 0)
    if not len(possible):
        return 1.0
    some = possible[:: -(-len(possible) // AT_MOST)]
    logits = _logits(probabilities[some])
    own = logits[np.arange(len(some)), targets[some]]

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        sums = np.concatenate([logsumexp(rows / temperature, axis=1) for rows in _parts(logits)])
        return float((sums - own / temperature).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))
