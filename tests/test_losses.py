import numpy as np
import pytest
import scipy.special
import torch
from timm.loss import BinaryCrossEntropy as TimmBinaryCrossEntropy
from torch import nn
from torch.nn.functional import cross_entropy, one_hot
from torchvision.ops import sigmoid_focal_loss

from litclassify.errors import UserError
from litclassify.losses import BinaryCrossEntropy, FocalLoss, divisor_of

LOGITS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
SOFT = torch.rand(8, 3, generator=torch.Generator().manual_seed(1)).softmax(dim=1)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_binary_cross_entropy_of_classes_is_timms(label_smoothing: float) -> None:
    expected = TimmBinaryCrossEntropy(label_smoothing)(LOGITS, CLASSES)
    criterion = BinaryCrossEntropy(label_smoothing)
    torch.testing.assert_close(criterion(LOGITS, CLASSES), expected)
    torch.testing.assert_close(criterion(LOGITS, one_hot(CLASSES, 3).float()), expected)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_binary_cross_entropy_of_mixed_targets_is_timms_of_their_classes(label_smoothing: float) -> None:
    # It is linear in the targets. timm smooths mixed ones where it mixes them; its loss leaves them as they are.
    reference = TimmBinaryCrossEntropy(label_smoothing, reduction="none")
    own, other = (reference(LOGITS, classes).mean(dim=1) for classes in (CLASSES, CLASSES.roll(1)))
    share, hard = torch.linspace(0, 1, 8), one_hot(CLASSES, 3)
    mixed = share[:, None] * hard + (1 - share)[:, None] * hard.roll(1, 0)
    expected = (share * own + (1 - share) * other).mean()
    torch.testing.assert_close(BinaryCrossEntropy(label_smoothing)(LOGITS, mixed), expected)


def test_binary_cross_entropy_is_the_mean_surprise_of_independent_classes() -> None:
    probabilities = scipy.special.expit(LOGITS.double().numpy())
    soft = SOFT.numpy()
    expected = -(soft * np.log(probabilities) + (1 - soft) * np.log(1 - probabilities)).mean()
    assert BinaryCrossEntropy()(LOGITS, SOFT).item() == pytest.approx(expected, rel=1e-5)


def test_binary_cross_entropy_weighs_images_by_their_class() -> None:
    weight = torch.tensor([0.5, 1.0, 4.0])
    single = torch.stack([BinaryCrossEntropy()(LOGITS[i : i + 1], CLASSES[i : i + 1]) for i in range(8)])
    expected = (weight[CLASSES] * single).sum() / weight[CLASSES].sum()
    torch.testing.assert_close(BinaryCrossEntropy(weight=weight)(LOGITS, CLASSES), expected)
    soft = one_hot(CLASSES, 3).float()
    torch.testing.assert_close(BinaryCrossEntropy(weight=weight)(LOGITS, soft), expected)


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 1.0, 4.0])])
def test_focal_loss_without_focus_is_cross_entropy(weight: torch.Tensor | None) -> None:
    torch.testing.assert_close(
        FocalLoss(gamma=0, weight=weight)(LOGITS, CLASSES), cross_entropy(LOGITS, CLASSES, weight)
    )


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_two_classes_is_torchvisions(gamma: float) -> None:
    logit, classes = LOGITS[:, 0], (CLASSES > 0).long()
    expected = sigmoid_focal_loss(logit, classes.float(), alpha=-1, gamma=gamma, reduction="mean")
    torch.testing.assert_close(FocalLoss(gamma)(torch.stack([torch.zeros(8), logit], dim=1), classes), expected)


@pytest.mark.parametrize("gamma", [0.01, 0.5, 2.0])
def test_focal_loss_of_a_sure_image_has_a_gradient(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0], [0.5, 0.0]], requires_grad=True)
    FocalLoss(gamma)(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert (logits.grad[0] == 0).all()
    assert (logits.grad[1] != 0).all()


@pytest.mark.parametrize("targets", [CLASSES, SOFT], ids=["classes", "probabilities"])
@pytest.mark.parametrize(
    "criterion",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=torch.tensor([0.5, 1.0, 4.0]), label_smoothing=0.1),
        BinaryCrossEntropy(weight=torch.tensor([0.5, 1.0, 4.0])),
        FocalLoss(weight=torch.tensor([0.5, 1.0, 4.0])),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_losses_of_batches_make_the_loss_of_all_images(criterion: nn.Module, targets: torch.Tensor) -> None:
    if isinstance(criterion, FocalLoss) and targets is SOFT:
        pytest.skip("it takes no probabilities")
    total, divisor = 0.0, 0.0
    for logits, some in zip(LOGITS.split([1, 5, 2]), targets.split([1, 5, 2]), strict=True):
        total += criterion(logits, some) * divisor_of(criterion, some)
        divisor += divisor_of(criterion, some)
    torch.testing.assert_close(total / divisor, criterion(LOGITS, targets))


def test_focal_loss_refuses_probabilities() -> None:
    with pytest.raises(ValueError, match="takes classes"):
        FocalLoss()(LOGITS, SOFT)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FocalLoss(gamma=-1), r"gamma must be at least 0, got -1"),
        (lambda: BinaryCrossEntropy(1.0), r"label_smoothing must be in \[0, 1\), got 1\.0"),
    ],
)
def test_impossible_settings_are_refused(build, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
