"""Metrics equal those that torchmetrics computes on all images at once."""

from pathlib import Path

import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, hamming_loss
from torch import nn
from torchmetrics.classification import (
    MulticlassAccuracy,
    MultilabelAccuracy,
    MultilabelAveragePrecision,
    MultilabelExactMatch,
    MultilabelF1Score,
)

from litclassify.losses import divisor_of
from litclassify.metrics import ClassificationMetrics, MultiLabelMetrics


def epoch(metrics: ClassificationMetrics, batches: list[tuple[torch.Tensor, ...]]) -> dict[str, torch.Tensor]:
    for logits, targets in batches:
        metrics.add(torch.nn.functional.cross_entropy(logits.float(), targets), logits, targets)
    metrics.finish()
    values = metrics.compute()
    metrics.reset()
    return values


def batches(sizes: list[int], num_classes: int, dtype: torch.dtype) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    # Small whole numbers tie often, as logits in bfloat16 do.
    logits = torch.randint(-3, 4, (sum(sizes), num_classes), generator=generator).to(dtype)
    targets = torch.randint(num_classes, (sum(sizes),), generator=generator)
    return list(zip(logits.split(sizes), targets.split(sizes), strict=True))


@pytest.mark.parametrize("num_classes", [2, 5, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_are_those_over_all_images(num_classes: int, dtype: torch.dtype) -> None:
    data = batches([32, 32, 32, 5], num_classes, dtype)
    logits, targets = (torch.cat(column) for column in zip(*data, strict=True))
    values = epoch(ClassificationMetrics(num_classes, "val_"), data)
    for name, top_k in (("val_acc", 1), ("val_acc_top5", 5)):
        if name in values:
            reference = MulticlassAccuracy(num_classes, average="micro", top_k=top_k)
            assert values[name] == reference(logits, targets)
    torch.testing.assert_close(values["val_loss"], torch.nn.functional.cross_entropy(logits.float(), targets))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_networks_of_16_bits_have_losses_of_32(dtype: torch.dtype) -> None:
    metrics = ClassificationMetrics(10, "val_").to(dtype)
    weight = torch.ones(10, dtype=dtype)
    logits, targets = torch.zeros(128, 10, dtype=dtype), torch.zeros(128, dtype=torch.int64)
    for _ in range(600):
        divisor = divisor_of(nn.CrossEntropyLoss(weight), targets)
        metrics.add(torch.tensor(2.3055), logits, targets, divisor=divisor)
    metrics.finish()
    assert metrics.compute()["val_loss"].item() == pytest.approx(2.3055, rel=1e-5)


def test_an_epoch_knows_nothing_of_the_one_before() -> None:
    metrics = ClassificationMetrics(3, "train_")
    first, second = batches([8, 3], 3, torch.float32), batches([4], 3, torch.float32)
    epoch(metrics, first)
    assert epoch(metrics, second) == epoch(ClassificationMetrics(3, "train_"), second)


def test_a_loss_that_is_no_number_shows() -> None:
    metrics = ClassificationMetrics(2, "val_")
    metrics.add(torch.tensor(torch.nan), torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))
    metrics.finish()
    assert metrics.compute()["val_loss"].isnan()


def test_the_state_of_a_model_holds_no_sums() -> None:
    assert not ClassificationMetrics(3, "train_").state_dict()


def multi_label_batches(sizes: list[int], dtype: torch.dtype) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(sum(sizes), 6, generator=generator) < torch.tensor([0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
    # Tied scores and images with all labels right must occur.
    logits = (3 * targets - 1.5 + torch.randn(targets.shape, generator=generator)).mul(4).round().div(4).to(dtype)
    return list(zip(logits.split(sizes), targets.split(sizes), strict=True))


def multi_label_epoch(data: list[tuple[torch.Tensor, torch.Tensor]], threshold: float = 0.5) -> dict[str, torch.Tensor]:
    metrics = MultiLabelMetrics(6, "val_", threshold=threshold, ranked=True)
    for logits, targets in data:
        metrics.add(torch.tensor(float(len(targets))), logits, targets)
    metrics.finish()
    return metrics.compute()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_multi_label_values_are_those_of_scikit_learn_and_torchmetrics(threshold: float, dtype: torch.dtype) -> None:
    data = multi_label_batches([32, 32, 32, 5], dtype)
    logits, targets = (torch.cat(column) for column in zip(*data, strict=True))
    scores = logits.float().sigmoid()
    predicted = scores > threshold
    values = multi_label_epoch(data, threshold)
    expected = {
        "val_loss": (3 * 32**2 + 5**2) / 101,
        "val_acc": 1 - hamming_loss(targets, predicted),
        "val_exact_match": accuracy_score(targets, predicted),
        "val_f1": f1_score(targets, predicted, average="macro", zero_division=0),
        "val_f1_micro": f1_score(targets, predicted, average="micro"),
        "val_map": average_precision_score(targets, scores, average="macro"),
    }
    assert {name: value.item() for name, value in values.items()} == pytest.approx(expected, rel=1e-5)
    for name, reference in {
        "val_acc": MultilabelAccuracy(6, threshold, average="micro"),
        "val_exact_match": MultilabelExactMatch(6, threshold),
        "val_f1": MultilabelF1Score(6, threshold, average="macro"),
        "val_f1_micro": MultilabelF1Score(6, threshold, average="micro"),
        "val_map": MultilabelAveragePrecision(6),
    }.items():
        torch.testing.assert_close(values[name], reference(scores, targets.long()), msg=name)


def test_labels_that_no_image_has_do_not_count_for_average_precision() -> None:
    ((logits, targets),) = multi_label_batches([50], torch.float32)
    targets[:, 4:] = False
    expected = average_precision_score(targets[:, :4], logits[:, :4], average="macro")
    assert multi_label_epoch([(logits, targets)])["val_map"].item() == pytest.approx(expected, rel=1e-5)
    assert multi_label_epoch([(logits, torch.zeros_like(targets))])["val_map"].isnan()


def test_multi_label_metrics_begin_anew_with_each_epoch_and_leave_nothing_in_the_state() -> None:
    metrics = MultiLabelMetrics(6, "val_", threshold=0.5, ranked=True)
    first, second = multi_label_batches([20, 30], torch.float32)
    for logits, targets in (first, second):
        metrics.reset()
        metrics.add(torch.tensor(1.0), logits, targets)
        metrics.finish()
    fresh = MultiLabelMetrics(6, "val_", threshold=0.5, ranked=True)
    fresh.add(torch.tensor(1.0), *second)
    fresh.finish()
    assert metrics.compute() == fresh.compute()
    assert not metrics.state_dict()


@pytest.mark.parametrize("stop", range(4))
def test_an_epoch_that_goes_on_from_its_sums_has_the_same_values(stop: int) -> None:
    """To the last bit, whatever was added in between, and what is added later does not change the sums."""
    data = batches([7, 7, 7, 5], 10, torch.float32)
    whole = epoch(ClassificationMetrics(10, "train_"), data)
    first, other = ClassificationMetrics(10, "train_"), ClassificationMetrics(10, "train_")
    for logits, targets in data[:stop]:
        first.add(torch.nn.functional.cross_entropy(logits, targets), logits, targets)
    sums = first.sums()
    for metrics in (first, other):
        epoch_of_others = batches([3], 10, torch.float32)[0]
        metrics.add(torch.tensor(9.0), *epoch_of_others)
        metrics.go_on_from(sums, torch.device("cpu"))
        assert epoch(metrics, data[stop:]) == whole


@pytest.mark.parametrize("stop", range(3))
def test_multi_label_epoch_that_goes_on_from_its_sums_has_the_same_values(stop: int) -> None:
    generator = torch.Generator().manual_seed(0)
    data = [(torch.randn(6, 4, generator=generator), torch.rand(6, 4, generator=generator) > 0.5) for _ in range(3)]

    def values(metrics: MultiLabelMetrics, added: list[tuple[torch.Tensor, ...]]) -> dict[str, torch.Tensor]:
        for logits, targets in added:
            metrics.add(logits.square().mean(), logits, targets)
        metrics.finish()
        return metrics.compute()

    first, second, third = (MultiLabelMetrics(4, "train_", threshold=0.5, ranked=False) for _ in range(3))
    for logits, targets in data[:stop]:
        first.add(logits.square().mean(), logits, targets)
    second.add(torch.tensor(9.0), *data[-1])
    second.go_on_from(first.sums(), torch.device("cpu"))
    assert values(second, data[stop:]) == values(third, data)


def test_sums_load_without_unpickling(tmp_path: Path) -> None:
    metrics = ClassificationMetrics(3, "train_")
    torch.save(metrics.sums(), tmp_path / "sums")
    assert torch.load(tmp_path / "sums", weights_only=True) == metrics.sums()
