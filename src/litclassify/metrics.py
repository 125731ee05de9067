"""The metrics that every classifier reports."""

from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

# With fewer classes a top-5 hit is nearly certain and says nothing.
MIN_CLASSES_FOR_TOP5 = 6


def classification_metrics(num_classes: int, prefix: str) -> MetricCollection:
    """Mean loss and accuracy, exact for any batch size and summed over processes.

    Update with `update(value=loss, weight=batch_size, preds=logits, target=targets)`: `loss` is the batch mean,
    a scalar; `logits` float (N, K); `targets` int64 (N,).

    Args:
        num_classes: K, at least 2.
        prefix: What names start with: `val_` gives `val_loss`, `val_acc` and, from 6 classes up, `val_acc_top5`.

    Returns:
        The metrics by name, each a scalar on `compute()`.
    """
    metrics: dict[str, Metric | MetricCollection] = {
        "loss": MeanMetric(),
        "acc": _accuracy(num_classes, top_k=1),
    }
    if num_classes >= MIN_CLASSES_FOR_TOP5:
        metrics["acc_top5"] = _accuracy(num_classes, top_k=5)
    # Compute groups merge metrics whose states agree after the first batch; top-1 and top-5 may agree by chance.
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)


def _accuracy(num_classes: int, top_k: int) -> MulticlassAccuracy:
    return MulticlassAccuracy(num_classes, average="micro", top_k=top_k, validate_args=False)
