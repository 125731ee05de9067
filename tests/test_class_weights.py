from copy import deepcopy

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from litclassify.class_weights import Balanced, ClassWeights, EffectiveNumber, weighted
from litclassify.errors import UserError
from litclassify.losses import BinaryCrossEntropy, FocalLoss

COUNTS = [500, 20, 3]
NAMES = ["cat", "dog", "owl"]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    targets = np.repeat([0, 1, 2], COUNTS)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(Balanced().weights(np.array(COUNTS)), expected)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.9999])
def test_effective_numbers_are_sums_of_powers(beta: float) -> None:
    # Proposition 1 of the paper: E_n = 1 + beta + … + beta ** (n - 1).
    effective = [sum(beta**i for i in range(count)) for count in COUNTS]
    inverse = [1 / number for number in effective]
    expected = [3 * value / sum(inverse) for value in inverse]
    np.testing.assert_allclose(EffectiveNumber(beta).weights(np.array(COUNTS)), expected)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(label_smoothing=0.1), BinaryCrossEntropy(), FocalLoss()])
def test_a_loss_gets_them_as_if_they_were_written_by_hand(criterion: nn.Module) -> None:
    logits, targets = torch.randn(6, 3), torch.tensor([0, 0, 0, 1, 1, 2])
    by_hand = deepcopy(criterion)
    by_hand.weight = torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=targets.numpy())).float()
    result = weighted(criterion, Balanced(), [3, 2, 1], NAMES)
    torch.testing.assert_close(result(logits, targets), by_hand(logits, targets))
    assert result(logits, targets) != criterion(logits, targets)  # The loss that was given stays as it was.


@pytest.mark.parametrize(
    ("criterion", "counts", "message"),
    [
        (nn.HuberLoss(), COUNTS, "HuberLoss takes no weights of classes"),
        (nn.CrossEntropyLoss(torch.ones(3)), COUNTS, r"would replace model\.criterion\.weight"),
        (nn.CrossEntropyLoss(), None, "needs class_counts"),
        (nn.CrossEntropyLoss(), [1, 2], r"each of the 3 classes, got \[1, 2\]"),
        (nn.CrossEntropyLoss(), [5, 0, 0], "no training images of dog, owl. Add some, or remove the classes"),
    ],
)
def test_what_cannot_be_weighted_is_refused(criterion: nn.Module, counts: list[int] | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        weighted(criterion, Balanced(), counts, NAMES)


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.5])
def test_beta_out_of_range_is_refused(beta: float) -> None:
    with pytest.raises(UserError, match=r"class_weights\.beta must be between 0 and 1"):
        EffectiveNumber(beta)


@pytest.mark.parametrize("class_weights", [Balanced(), EffectiveNumber()])
def test_equal_classes_weigh_one(class_weights: ClassWeights) -> None:
    np.testing.assert_allclose(class_weights.weights(np.array([7, 7, 7])), 1)
