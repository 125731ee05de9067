"""What the name of a metric tells."""

from typing import Literal

# As parts of a name: `val_loss`, `test_nll`, `top1_error`.
LESS_IS_BETTER = {"loss", "error", "nll", "ece", "brier"}
MORE_IS_BETTER = {"acc", "accuracy", "auroc", "f1", "kappa", "map", "match", "mcc", "precision", "recall"}


def best_mode(metric: str) -> Literal["min", "max"] | None:
    """Whether the lowest or the highest value of a metric is the best, as far as its name tells."""
    parts = set(metric.lower().replace("/", "_").split("_"))
    if parts & LESS_IS_BETTER:
        return "min"
    return "max" if parts & MORE_IS_BETTER else None
