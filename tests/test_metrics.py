"""Metrics equal those that torchmetrics computes on all images at once."""

import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy

from litclassify.metrics import ClassificationMetrics


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
