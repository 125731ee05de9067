import pytest
import torch
from torch import nn

from litclassify.errors import UserError
from litclassify.models.criterion_check import check_criterion


@pytest.mark.parametrize(
    "criterion",
    [nn.CrossEntropyLoss(label_smoothing=0.1), nn.CrossEntropyLoss(torch.ones(3)), nn.NLLLoss(), nn.MultiMarginLoss()],
)
def test_losses_of_logits_and_targets_pass(criterion: nn.Module) -> None:
    check_criterion(criterion, num_classes=3)


@pytest.mark.parametrize(
    ("criterion", "message"),
    [
        (nn.BCEWithLogitsLoss(), r"model\.criterion \(BCEWithLogitsLoss\) does not take logits of shape \(2, 3\)"),
        (nn.CosineEmbeddingLoss(), r"model\.criterion \(CosineEmbeddingLoss\)"),
        (nn.CrossEntropyLoss(torch.ones(2)), "all 3 classes"),
        (nn.CrossEntropyLoss(label_smoothing=3.0), "label_smoothing must be between"),
        (nn.CrossEntropyLoss(reduction="sum"), "gives the sum over the batch, but must give the mean"),
        (nn.CrossEntropyLoss(reduction="none"), r"gives shape \(2,\), but must give one number"),
    ],
)
def test_others_are_refused(criterion: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_criterion(criterion, num_classes=3)
