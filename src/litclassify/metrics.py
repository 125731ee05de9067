"""The metrics that every classifier reports."""

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

# With fewer classes a top-5 hit is nearly certain and says nothing.
MIN_CLASSES_FOR_TOP5 = 6


class Share(Metric):
    """A sum divided by a count, both added up over processes.

    Args:
        dtype: Of the sum: int64 counts hits exactly.
    """

    total: Tensor
    count: Tensor

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=dtype), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, total: Tensor | float, count: int) -> None:
        """Add a sum over `count` images."""
        self.total += total
        self.count += count

    def compute(self) -> Tensor:
        """Give the share, float32, a scalar."""
        return self.total / self.count


class ClassificationMetrics(MetricCollection):
    """Mean loss and accuracy, exact for any batch size and summed over processes.

    `add` takes each batch, `finish` hands the sums to the metrics: updating these at every step would cost more than
    the step of a small network.

    Args:
        num_classes: K, at least 2.
        prefix: What names start with: `val_` gives `val_loss`, `val_acc` and, from 6 classes up, `val_acc_top5`.
    """

    def __init__(self, num_classes: int, prefix: str) -> None:
        metrics: dict[str, Metric | MetricCollection] = {"loss": Share(torch.float32), "acc": Share(torch.int64)}
        if num_classes >= MIN_CLASSES_FOR_TOP5:
            metrics["acc_top5"] = Share(torch.int64)
        # Compute groups merge metrics whose states agree after the first batch; top-1 and top-5 may agree by chance.
        super().__init__(metrics, prefix=prefix, compute_groups=False)
        self._names = list(metrics)
        self._clear()

    def _clear(self) -> None:
        self._totals: dict[str, Tensor | float] = dict.fromkeys(self._names, 0)
        self._count = 0

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Add a batch, without waiting for the device.

        Args:
            loss: Mean over the batch, a scalar without a graph.
            logits: Float (N, K), without a graph.
            targets: int64 (N,).
        """
        self._count += len(targets)
        self._totals["loss"] += loss.float() * len(targets)
        self._totals["acc"] += (logits.argmax(dim=1) == targets).sum()
        if "acc_top5" in self._totals:
            self._totals["acc_top5"] += (logits.topk(5, dim=1).indices == targets[:, None]).sum()

    def finish(self) -> None:
        """Hand the sums of an epoch to the metrics, and begin with the next."""
        for name, metric in self.items(keep_base=True):
            metric.update(total=self._totals[name], count=self._count)
        self._clear()
