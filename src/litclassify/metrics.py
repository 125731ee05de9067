"""The metrics that every classifier reports."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.functional.classification import binary_average_precision
from torchmetrics.utilities import dim_zero_cat

# With fewer classes a top-5 hit is nearly certain and says nothing.
MIN_CLASSES_FOR_TOP5 = 6


class Share(Metric):
    """A sum divided by a count, both added up over processes.

    Args:
        dtype: Of both: int64 counts hits exactly.
    """

    total: Tensor
    count: Tensor

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=dtype), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=dtype), dist_reduce_fx="sum")

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()) -> nn.Module:
        """Move to a device, and keep the dtype: 16 bits, which a network may train in, hold no sum of many images."""
        module: nn.Module = super()._apply(lambda tensor: fn(tensor).to(tensor.dtype), exclude_state)
        return module

    def update(self, total: Tensor | float, count: Tensor | float) -> None:
        """Add a sum over `count` images, or over images that weigh so much."""
        self.total += total
        self.count += count

    def compute(self) -> Tensor:
        """Give the share, float32, a scalar."""
        return self.total / self.count


def _copied(total: Tensor | float) -> Tensor | float:
    return total.detach().to("cpu", copy=True) if isinstance(total, Tensor) else total


def _placed(total: Tensor | float, device: torch.device) -> Tensor | float:
    # A copy, as what is added changes it. A sum of nothing is a plain 0: as a tensor of integers it would stay one.
    return total.to(device, copy=True) if isinstance(total, Tensor) else total


class ClassificationMetrics(MetricCollection):
    """Mean loss and accuracy, over all images whatever the batches, and summed over processes.

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
        self._divisor: Tensor | float = 0

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor, divisor: Tensor | int | None = None) -> None:
        """Add a batch, without waiting for the device.

        Args:
            loss: Mean over the batch, a scalar without a graph.
            logits: Float (N, K), without a graph.
            targets: int64 (N,).
            divisor: By what the loss has divided the sum over the batch, such as the sum of weights, a scalar; or
                else N.
        """
        divisor = len(targets) if divisor is None else divisor
        self._count += len(targets)
        self._divisor += divisor
        self._totals["loss"] += loss.float() * divisor
        self._totals["acc"] += (logits.argmax(dim=1) == targets).sum()
        if "acc_top5" in self._totals:
            self._totals["acc_top5"] += (logits.topk(5, dim=1).indices == targets[:, None]).sum()

    def sums(self) -> dict[str, Any]:
        """Give what was added since the epoch began, as a copy on the CPU."""
        totals = {name: _copied(total) for name, total in self._totals.items()}
        return {"totals": totals, "count": self._count, "divisor": _copied(self._divisor)}

    def go_on_from(self, sums: dict[str, Any], device: torch.device) -> None:
        """Take what was added before, in place of all that was added since."""
        self._totals = {name: _placed(total, device) for name, total in sums["totals"].items()}
        self._count, self._divisor = sums["count"], _placed(sums["divisor"], device)

    def finish(self) -> None:
        """Hand the sums of an epoch to the metrics, and begin with the next."""
        for name, metric in self.items(keep_base=True):
            metric.update(total=self._totals[name], count=self._divisor if name == "loss" else self._count)
        self._clear()


class F1(Metric):
    """Twice the hits of each label, divided by what was predicted and what was there.

    Args:
        num_labels: K.
        macro: The mean of this over the labels, where one that is neither predicted nor there counts as 0; or else
            that of all labels as if they were one.
    """

    hits: Tensor
    positives: Tensor

    def __init__(self, num_labels: int, *, macro: bool) -> None:
        super().__init__()
        self.macro = macro
        self.add_state("hits", torch.zeros(num_labels, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("positives", torch.zeros(num_labels, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, hits: Tensor, positives: Tensor) -> None:
        """Add the hits of each label, int64 (K,), and how often it was predicted plus how often it was there."""
        self.hits += hits
        self.positives += positives

    def compute(self) -> Tensor:
        """Give the score, float32, a scalar."""
        hits, positives = (self.hits, self.positives) if self.macro else (self.hits.sum(), self.positives.sum())
        return (2 * hits / positives.clamp(min=1)).mean()


class MeanAveragePrecision(Metric):
    """Mean of the average precision of each label that any image has; exact, from the scores of all images.

    They are held on the device for an epoch: 5 bytes for each image and label.
    """

    scores: list[Tensor]
    targets: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, scores: Tensor, targets: Tensor) -> None:
        """Add the probabilities of a batch, float32 (N, K), and whether the labels are there, (N, K)."""
        self.scores.append(scores)
        self.targets.append(targets.to(torch.uint8))

    def compute(self) -> Tensor:
        """Give the mean, float32, a scalar; not a number if no image has any label."""
        scores, targets = dim_zero_cat(self.scores), dim_zero_cat(self.targets)
        present = targets.any(dim=0).nonzero().flatten().tolist()
        values = [binary_average_precision(scores[:, k], targets[:, k].long(), validate_args=False) for k in present]
        return torch.stack(values).mean() if values else scores.new_tensor(torch.nan)


class MultiLabelMetrics(MetricCollection):
    """What `ClassificationMetrics` is for images that have several labels, each or none.

    Args:
        num_labels: K, at least 2.
        prefix: What names start with: `val_` gives `val_loss`, `val_acc` (of all decisions on an image and a label),
            `val_exact_match` (of images, those with all K right), `val_f1` (mean over the labels), `val_f1_micro`.
        threshold: The probability above which a label is predicted.
        ranked: Whether there is `val_map`, too.
    """

    def __init__(self, num_labels: int, prefix: str, *, threshold: float, ranked: bool) -> None:
        metrics: dict[str, Metric | MetricCollection] = {
            "loss": Share(torch.float32),
            "acc": Share(torch.int64),
            "exact_match": Share(torch.int64),
            "f1": F1(num_labels, macro=True),
            "f1_micro": F1(num_labels, macro=False),
        }
        if ranked:
            metrics["map"] = MeanAveragePrecision()
        super().__init__(metrics, prefix=prefix, compute_groups=False)
        self.threshold = threshold
        self._clear()

    def _clear(self) -> None:
        self._count, self._num_decisions = 0, 0
        self._divisor: Tensor | float = 0
        self._loss: Any = 0
        self._exact: Any = 0
        self._hits: Any = 0  # Hits of each label; `_positives`: how often it was predicted plus how often it was there.
        self._positives: Any = 0

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor, divisor: Tensor | int | None = None) -> None:
        """Add a batch, without waiting for the device.

        Args:
            loss: Mean over the batch, a scalar without a graph.
            logits: Float (N, K), without a graph.
            targets: Multi-hot, bool (N, K).
            divisor: As in `ClassificationMetrics`.
        """
        divisor = len(targets) if divisor is None else divisor
        scores = logits.float().sigmoid()
        predicted = scores > self.threshold
        self._count += len(targets)
        self._num_decisions += targets.numel()
        self._divisor += divisor
        self._loss += loss.float() * divisor
        self._exact += (predicted == targets).all(dim=1).sum()
        self._hits += (predicted & targets).sum(dim=0)
        self._positives += predicted.sum(dim=0) + targets.sum(dim=0)
        if "map" in self._modules:
            self["map"].update(scores, targets)

    def sums(self) -> dict[str, Any]:
        """Give what was added since the epoch began, as a copy on the CPU; without what `map` ranks."""
        added = {"loss": self._loss, "exact": self._exact, "hits": self._hits, "positives": self._positives}
        return {
            "sums": {name: _copied(value) for name, value in added.items()},
            "count": self._count,
            "num_decisions": self._num_decisions,
            "divisor": _copied(self._divisor),
        }

    def go_on_from(self, sums: dict[str, Any], device: torch.device) -> None:
        """Take what was added before, in place of all that was added since."""
        added = {name: _placed(value, device) for name, value in sums["sums"].items()}
        self._loss, self._exact = added["loss"], added["exact"]
        self._hits, self._positives = added["hits"], added["positives"]
        self._count, self._num_decisions = sums["count"], sums["num_decisions"]
        self._divisor = _placed(sums["divisor"], device)

    def finish(self) -> None:
        """Hand the sums of an epoch to the metrics, and begin with the next."""
        # A decision is wrong where a label is there or predicted, but not both.
        right = self._num_decisions - (self._positives - 2 * self._hits).sum()
        self["loss"].update(total=self._loss, count=self._divisor)
        self["acc"].update(total=right, count=self._num_decisions)
        self["exact_match"].update(total=self._exact, count=self._count)
        for name in ("f1", "f1_micro"):
            self[name].update(self._hits, self._positives)
        self._clear()
