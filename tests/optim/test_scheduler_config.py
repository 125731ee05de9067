"""Every schedule steps as said, and nobody counts steps."""

from functools import partial
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tests.models.test_image_classifier import classifier, loader, quiet_trainer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR

from litclassify.errors import UserError
from litclassify.optim import WarmupCosine, warmup_cosine


class Rates(Callback):
    """Record the learning rate of each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


def rates(max_epochs: int = 3, **arguments: object) -> list[float]:
    """Learning rates of a run of 4 steps an epoch, base rate 0.1."""
    recorder = Rates()
    quiet_trainer(max_epochs=max_epochs, callbacks=[recorder]).fit(classifier(**arguments), loader(12, 3), loader(6, 3))
    return recorder.rates


def test_without_a_schedule_the_rate_is_constant() -> None:
    assert rates() == [0.1] * 12


def test_step_lr_goes_by_epochs() -> None:
    observed = rates(lr_scheduler=partial(StepLR, step_size=1, gamma=0.5))
    assert observed == pytest.approx([0.1] * 4 + [0.05] * 4 + [0.025] * 4)


def test_step_lr_goes_by_steps_when_told_so() -> None:
    observed = rates(lr_scheduler=partial(StepLR, step_size=2, gamma=0.5), lr_interval="step", max_epochs=1)
    assert observed == pytest.approx([0.1, 0.1, 0.05, 0.05])


def test_one_cycle_covers_the_run() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    reference = OneCycleLR(optimizer, max_lr=0.3, total_steps=12)
    expected = []
    for step in range(12):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < 11:
            reference.step()
    observed = rates(lr_scheduler=partial(OneCycleLR, max_lr=0.3), lr_interval="step")
    assert observed == pytest.approx(expected)


def test_warmup_cosine_by_the_epoch_covers_the_run() -> None:
    observed = rates(lr_scheduler=partial(WarmupCosine, warmup=0.0))
    assert observed == pytest.approx([0.1 * warmup_cosine(step // 4, 3, 0) for step in range(12)])


def test_warmup_cosine_by_the_step_covers_the_run() -> None:
    observed = rates(lr_scheduler=partial(WarmupCosine, warmup=0.25), lr_interval="step")
    assert observed == pytest.approx([0.1 * warmup_cosine(step, 12, 3) for step in range(12)])


def test_a_length_that_was_given_is_kept() -> None:
    observed = rates(lr_scheduler=partial(OneCycleLR, max_lr=0.3, total_steps=100), lr_interval="step")
    assert max(observed) < 0.3


def test_plateau_lowers_the_rate_when_validation_stalls() -> None:
    stalled = partial(ReduceLROnPlateau, patience=0, threshold=1e9, threshold_mode="abs", factor=0.5)
    assert rates(lr_scheduler=stalled) == pytest.approx([0.1] * 8 + [0.05] * 4)


def test_plateau_by_the_step_is_refused() -> None:
    with pytest.raises(UserError, match="set model.lr_interval to 'epoch'"):
        rates(lr_scheduler=ReduceLROnPlateau, lr_interval="step")


def test_an_open_run_has_no_length_for_a_schedule() -> None:
    with pytest.raises(UserError, match="set trainer.max_epochs"):
        rates(max_epochs=-1, lr_scheduler=WarmupCosine)
