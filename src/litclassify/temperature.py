"""By what to divide logits, so that their probabilities are as sure as they are right."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

# Outside of it, probabilities are all alike, or all 0 and 1. Those of a linear discriminant can be far too sure.
TEMPERATURES = (0.01, 1000.0)
# What is computed of more rows takes several times their memory, and does not stay in the processor's cache.
ROWS_AT_ONCE = 1024

Floats = NDArray[np.floating[Any]]


def in_parts(rows: Floats) -> Iterator[Floats]:
    """Give rows (N, K) some at a time, in order: (M, K), M at most 1,024; one part without rows if there are none."""
    for start in range(0, max(1, len(rows)), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE]


def fit_temperature(logits: Floats, targets: NDArray[np.int64]) -> float:
    """Give the temperature at which the mean loss is lowest; the most probable classes stay as they are.

    Source: Guo et al., https://arxiv.org/abs/1706.04599, section 4.2.

    Args:
        logits: (N, K).
        targets: (N,).
    """
    own = logits[np.arange(len(targets)), targets].astype(np.float64)

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        sums = [logsumexp(rows.astype(np.float64) / temperature, axis=1) for rows in in_parts(logits)]
        return float((np.concatenate(sums) - own / temperature).mean())

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))
