from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import FSDPStrategy
from tests.callbacks.observed import DrawingNetwork, classifier, events, train
from tests.models.test_image_classifier import CLASSES

from litclassify.callbacks import WeightHistograms
from litclassify.errors import UserError
from litclassify.models import ImageClassifier


class Witness(Callback):
    """The gradients of each step, before they are clipped, and the weights after each epoch."""

    def __init__(self) -> None:
        self.gradients: list[torch.Tensor] = []
        self.weights: list[torch.Tensor] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        self.gradients.append(pl_module.network[5].weight.grad.clone())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.weights.append(pl_module.network[5].weight.detach().clone())


def test_histograms_are_of_the_last_step_and_of_the_weights_after_it(tmp_path: Path) -> None:
    witness = Witness()
    train(tmp_path, witness, WeightHistograms())
    found = events(tmp_path)
    for tag, expected in (("gradients/5.weight", witness.gradients[2::3]), ("weights/5.weight", witness.weights)):
        points = found.Histograms(tag)
        assert len(points) == 2
        for point, values in zip(points, expected, strict=True):
            histogram = point.histogram_value
            assert histogram.num == values.numel()
            assert histogram.sum == pytest.approx(float(values.sum()), abs=1e-5)
            assert (histogram.min, histogram.max) == pytest.approx((float(values.min()), float(values.max())))


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_are_shown_without_the_scale_of_half_precision(fused: bool, tmp_path: Path) -> None:
    precision = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1024.0))
    # In half precision the convolution has no kernel on every CPU.
    precision.autocast_context_manager = nullcontext  # type: ignore[method-assign, assignment, return-value]
    seed_everything(0, verbose=False)
    model = ImageClassifier(DrawingNetwork, partial(torch.optim.SGD, lr=0.1, fused=fused), CLASSES)
    witness = Witness()
    train(tmp_path, witness, WeightHistograms(), model=model, plugins=[precision], max_epochs=1)
    gradient = witness.gradients[-1] / (1024 if fused else 1)
    (point,) = events(tmp_path).Histograms("gradients/5.weight")
    assert 0 < float(gradient.abs().max()) < 10
    assert point.histogram_value.sum_squares == pytest.approx(float(gradient.square().sum()), rel=1e-4)


def test_divided_weights_are_refused() -> None:
    sharded: Any = SimpleNamespace(strategy=FSDPStrategy())
    with pytest.raises(UserError, match="needs all weights in one process, and FSDPStrategy divides them"):
        WeightHistograms().setup(sharded, classifier(), "fit")


def test_every_parameter_is_there_and_frozen_ones_have_no_gradient(tmp_path: Path) -> None:
    model = classifier()
    model.network[0].requires_grad_(False)
    train(tmp_path, WeightHistograms(), model=model)
    tags = set(events(tmp_path).Tags()["histograms"])
    names = {name.removeprefix("network.") for name, _ in model.named_parameters()}
    assert {f"weights/{name}" for name in names} <= tags
    assert {f"gradients/{name}" for name in names} - tags == {"gradients/0.weight", "gradients/0.bias"}


def test_epochs_are_chosen(tmp_path: Path) -> None:
    train(tmp_path, WeightHistograms(every_n_epochs=2), max_epochs=5)
    assert len(events(tmp_path).Histograms("weights/5.weight")) == 2


def test_what_is_not_a_number_is_left_out(tmp_path: Path) -> None:
    model = classifier()
    with torch.no_grad():
        model.network[5].bias[0] = torch.nan
        model.network[5].weight.fill_(torch.nan)
    train(tmp_path, WeightHistograms(), model=model, max_epochs=1)
    assert "weights/5.weight" not in events(tmp_path).Tags()["histograms"]


def test_no_epochs_are_refused() -> None:
    with pytest.raises(UserError, match="every_n_epochs must be at least 1, got 0"):
        WeightHistograms(every_n_epochs=0)
