"""Probabilities that are as sure as they are right."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

# Outside of it, probabilities are all alike, or all 0 and 1.
TEMPERATURES = (0.05, 1000.0)
# More images give the same temperature, in more time.
AT_MOST = 10_000

Floats = npt.NDArray[np.float64]


def calibrated(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Floats:
    """Give probabilities at the temperature at which the targets are most likely.

    Source: Guo et al., https://arxiv.org/abs/1706.04599, section 4.2.

    Args:
        probabilities: Of classifiers that were not fitted to the targets, (N, K).
        targets: int64 (N,).

    Returns:
        (N, K); each row sums to 1.
    """
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities)
    at_temperature: Floats = softmax(logits / _temperature(logits, targets), axis=1)
    return at_temperature


def _temperature(logits: Floats, targets: npt.NDArray[np.int64]) -> float:
    possible = np.flatnonzero(np.isfinite(logits[np.arange(len(targets)), targets]))
    if not len(possible):
        return 1.0
    some = possible[:: -(-len(possible) // AT_MOST)]
    rows, own = logits[some], logits[some, targets[some]]

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        return float((logsumexp(rows / temperature, axis=1) - own / temperature).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))
