"""What the name of a metric tells."""

# As parts of a name: `val_loss`, `test_nll`, `top1_error`.
LESS_IS_BETTER = {"loss", "error", "nll", "ece", "brier"}


def less_is_better(metric: str) -> bool:
    """Whether a metric is the better the smaller it is, as far as its name tells."""
    return not LESS_IS_BETTER.isdisjoint(metric.lower().replace("/", "_").split("_"))
