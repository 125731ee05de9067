import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tests.callbacks.observed import classifier, events, train
from torch import nn

from litclassify.callbacks import GradientNorm
from litclassify.callbacks.guarding import gradient_norm


class Reference(Callback):
    """The norm of the gradients of each step, and on request other gradients in their place."""

    def __init__(self, *factors: float) -> None:
        self.norms: list[float] = []
        self.factors = factors

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        factor = self.factors[len(self.norms)] if self.factors else 1.0
        for parameter in pl_module.parameters():
            parameter.grad *= factor
        flat = nn.utils.parameters_to_vector(parameter.grad for parameter in pl_module.parameters())
        self.norms.append(flat.norm().item())


@pytest.fixture(autouse=True)
def at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_norm, "MIN_INTERVAL_S", 0.0)


@pytest.mark.parametrize(("every", "steps"), [(1, [0, 1, 2, 3, 4, 5]), (2, [1, 3, 5])])
def test_the_norm_is_that_before_clipping(tmp_path: Path, every: int, steps: list[int]) -> None:
    reference = Reference()
    train(tmp_path, reference, GradientNorm(), log_every_n_steps=every, gradient_clip_val=0.01)
    points = events(tmp_path).Scalars("grad_norm")
    assert [point.step for point in points] == steps
    assert [point.value for point in points] == pytest.approx([reference.norms[step] for step in steps], rel=1e-5)


def test_it_is_written_some_time_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_norm, "MIN_INTERVAL_S", 60.0)
    train(tmp_path, GradientNorm(), log_every_n_steps=2)
    assert [point.step for point in events(tmp_path).Scalars("grad_norm")] == [1]


def test_a_norm_that_is_not_finite_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=re.escape("The norm of the gradients is nan at step 3: the step spoils")):
        train(tmp_path, Reference(1, 1, 1, math.nan, 1, 1), GradientNorm(), log_every_n_steps=4)


def test_gradients_that_explode_are_a_warning(tmp_path: Path) -> None:
    factors = [1.0] * 100 + [1000.0] * 20
    with pytest.warns(UserWarning, match=r"Gradients explode: of the last 5 norms .* up to step 102, the median"):
        train(
            tmp_path,
            Reference(*factors),
            GradientNorm(),
            log_every_n_steps=1,
            max_epochs=40,
            gradient_clip_val=1e-4,
            limit_val_batches=0,
        )


def test_scaled_gradients_are_left_alone(tmp_path: Path) -> None:
    trainer: Any = type("Half", (), {"precision": "16-mixed"})
    callback = GradientNorm()
    callback.on_train_start(trainer, classifier())
    callback.on_before_optimizer_step(trainer, classifier(), torch.optim.SGD([nn.Parameter(torch.ones(1))]))
