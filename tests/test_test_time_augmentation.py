"""Views are those of torchvision; a test of them equals a loop written by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms.v2 import functional

from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.losses import BinaryCrossEntropy
from litclassify.models import ImageClassifier
from litclassify.networks import LeNet
from litclassify.test_time_augmentation import Flip, Shifts, TestTimeAugmentation
from tests.conftest import SMALL
from tests.models.test_image_classifier import CLASSES, classifier, quiet_trainer

IMAGES = torch.randint(0, 256, (10, 1, 9, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(10) % 3
QUIET = ["--trainer.enable_progress_bar", "false"]


def by_torchvision(images: Tensor, pixels: int, flip: bool) -> list[Tensor]:
    height, width = images.shape[-2:]
    padded = functional.pad(images / 255, pixels, padding_mode="reflect")
    corners = [(1, 1), (2, 1), (0, 1), (1, 2), (1, 0)]  # Up is what lies further down.
    views = [functional.crop(padded, y * pixels, x * pixels, height, width) for y, x in corners]
    return [view for moved in views for view in ([moved, functional.horizontal_flip(moved)] if flip else [moved])]


def small(views: TestTimeAugmentation | None, criterion: nn.Module | None = None) -> ImageClassifier:
    torch.manual_seed(0)
    return classifier(network=LeNet, test_time_augmentation=views, criterion=criterion or nn.CrossEntropyLoss()).eval()


@pytest.mark.parametrize("pixels", [1, 3, 8])
@pytest.mark.parametrize("flip", [False, True])
def test_views_are_torchvisions(pixels: int, flip: bool) -> None:
    views = list(Shifts(pixels, flip=flip).views(IMAGES))
    for view, expected in zip(views, by_torchvision(IMAGES, pixels, flip), strict=True):
        torch.testing.assert_close(view / 255, expected)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), BinaryCrossEntropy()])
def test_test_and_prediction_equal_a_loop_by_hand(criterion: nn.Module) -> None:
    model = small(Shifts(2, flip=True), criterion)
    with torch.no_grad():
        logits = torch.stack([model(view) for view in by_torchvision(IMAGES, 2, flip=True)]).mean(0)
    loader = DataLoader(TensorDataset(IMAGES, TARGETS), batch_size=4)
    (result,) = quiet_trainer().test(model, loader, verbose=False)
    assert result["test_loss"] == pytest.approx(criterion(logits, TARGETS).item(), rel=1e-5)
    assert result["test_acc"] == pytest.approx((logits.argmax(1) == TARGETS).float().mean().item())
    predictions = quiet_trainer().predict(model, loader)
    torch.testing.assert_close(torch.cat([p["probabilities"] for p in predictions]), logits.softmax(1))


@pytest.mark.parametrize("validate", [False, True])
def test_validation_sees_the_views_where_it_shall(validate: bool) -> None:
    model = small(Flip(validate=validate))
    with torch.no_grad():
        logits = torch.stack([model(IMAGES), model(IMAGES.flip(3))]).mean(0) if validate else model(IMAGES)
    loader = DataLoader(TensorDataset(IMAGES, TARGETS), batch_size=10)
    (result,) = quiet_trainer().validate(model, loader, verbose=False)
    assert result["val_loss"] == pytest.approx(cross_entropy(logits, TARGETS).item(), rel=1e-5)


def test_a_batch_is_never_larger_than_without() -> None:
    sizes = []

    def classify(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return torch.zeros(len(images), len(CLASSES))

    Shifts(flip=True)(classify, IMAGES)
    assert sizes == [10] * 10


def test_what_makes_no_view_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.test_time_augmentation.pixels must be at least 1, got 0"):
        Shifts(0)
    with pytest.raises(UserError, match=r"pixels must be less than the 9x12 pixels of an image, got 9"):
        classifier(network=LeNet, image_shape=(1, 9, 12), test_time_augmentation=Shifts(9))


@pytest.mark.slow
def test_a_checkpoint_takes_views_that_it_was_not_trained_with(fit: Callable[..., Path]) -> None:
    run = fit()
    losses = {}
    for words in ((), ("--model.test_time_augmentation", "Flip"), ("--model.test_time_augmentation", "Shifts")):
        main(["test", "--ckpt_path", str(run), *words, *QUIET])
        losses[words] = json.loads((run / "metrics.json").read_text())["test_loss"]
    assert len(set(losses.values())) == 3
    main(["predict", "--ckpt_path", str(run), "--model.test_time_augmentation", "Flip", *QUIET])
    assert (run / "predictions.csv").is_file()


@pytest.mark.slow
def test_a_checkpoint_keeps_the_views_it_was_trained_with(fit: Callable[..., Path]) -> None:
    views = ["--model.test_time_augmentation", "Shifts", "--model.test_time_augmentation.pixels", "2"]
    run = fit(*views, "--test_after_fit", "true")
    after_fit = json.loads((run / "metrics.json").read_text())
    main(["test", "--ckpt_path", str(run), *QUIET])
    assert json.loads((run / "metrics.json").read_text()) == after_fit


def test_a_shift_beyond_the_image_ends_the_run_before_training(capsys: pytest.CaptureFixture[str]) -> None:
    views = ["--model.test_time_augmentation", "Shifts", "--model.test_time_augmentation.pixels", "8"]
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, *views])
    assert "model.test_time_augmentation.pixels must be less than the 8x8 pixels" in capsys.readouterr().err
