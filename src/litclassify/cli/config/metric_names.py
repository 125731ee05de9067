"""What the name of a metric tells."""

import math
from typing import Literal

# As parts of a name: `val_loss`, `test_nll`, `top1_error`.
LESS_IS_BETTER = {"loss", "error", "nll", "ece", "brier"}
MORE_IS_BETTER = {"acc", "accuracy", "auroc", "f1", "kappa", "map", "match", "mcc", "precision", "recall"}

# Of those, the ones that are negative for what is worse than chance.
CORRELATIONS = {"kappa", "mcc"}


def bounds(metric: str) -> tuple[float, float]:
    """Give the least and the greatest value that a metric can have, as far as its name tells."""
    parts = _parts(metric)
    if parts & LESS_IS_BETTER or not parts & MORE_IS_BETTER:
        return -math.inf, math.inf
    return (-1.0 if parts & CORRELATIONS else 0.0), 1.0


def best_mode(metric: str) -> Literal["min", "max"] | None:
    """Whether the lowest or the highest value of a metric is the best, as far as its name tells."""
    parts = _parts(metric)
    if parts & LESS_IS_BETTER:
        return "min"
    return "max" if parts & MORE_IS_BETTER else None


def _parts(metric: str) -> set[str]:
    return set(metric.lower().replace("/", "_").split("_"))
