"""Every schedule steps as said, and nobody counts steps."""

import re
from functools import partial
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import ReduceLROnPlateau as LightningPlateau
from tests.models.test_image_classifier import classifier, loader, quiet_trainer
from torch.optim import SGD
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR, ReduceLROnPlateau, StepLR

from litclassify.errors import UserError
from litclassify.optim import WarmupCosine, WarmupPolynomial, scheduler_config, warmup_cosine, warmup_polynomial


class Rates(Callback):
    """Record the learning rate of each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


LIMITS = (
    "max_epochs",
    "max_steps",
    "max_time",
    "accumulate_grad_batches",
    "limit_train_batches",
    "check_val_every_n_epoch",
    "val_check_interval",
)


def rates(**arguments: object) -> list[float]:
    """Learning rates of the batches of a run: 3 epochs of 4, base rate 0.1, unless the arguments say otherwise."""
    recorder = Rates()
    limits = {name: arguments.pop(name) for name in LIMITS if name in arguments}
    trainer = quiet_trainer(**{"max_epochs": 3, "callbacks": [recorder], **limits})
    trainer.fit(classifier(**arguments), loader(12, 3), loader(6, 3))
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
    optimizer = SGD([torch.zeros(1)], lr=0.1)
    reference = OneCycleLR(optimizer, max_lr=0.3, total_steps=12)
    expected = []
    for step in range(12):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < 11:
            reference.step()
    observed = rates(optimizer=partial(SGD, lr=0.3), lr_scheduler=partial(OneCycleLR, max_lr=0.3))
    assert observed == pytest.approx(expected)


def test_warmup_cosine_by_the_epoch_covers_the_run() -> None:
    observed = rates(lr_scheduler=partial(WarmupCosine, warmup=0.0), lr_interval="epoch")
    assert observed == pytest.approx([0.1 * warmup_cosine(step // 4, 3, 0) for step in range(12)])


def test_warmup_cosine_by_the_step_covers_the_run() -> None:
    observed = rates(lr_scheduler=partial(WarmupCosine, warmup=0.25))
    assert observed == pytest.approx([0.1 * warmup_cosine(step, 12, 3) for step in range(12)])


def test_a_length_that_was_given_is_kept() -> None:
    schedule = partial(OneCycleLR, max_lr=0.1, total_steps=100)
    observed = rates(lr_scheduler=schedule, lr_interval="step")
    assert max(observed) < 0.05


def test_plateau_lowers_the_rate_when_validation_stalls() -> None:
    stalled = partial(ReduceLROnPlateau, patience=0, threshold=1e9, threshold_mode="abs", factor=0.5)
    assert rates(lr_scheduler=stalled) == pytest.approx([0.1] * 8 + [0.05] * 4)


def test_plateau_counts_validations_that_come_every_other_epoch() -> None:
    stalled = partial(ReduceLROnPlateau, patience=0, threshold=1e9, threshold_mode="abs", factor=0.5)
    observed = rates(lr_scheduler=stalled, max_epochs=6, check_val_every_n_epoch=2)
    assert observed == pytest.approx([0.1] * 16 + [0.05] * 8)


def test_plateau_of_a_training_metric_counts_every_epoch() -> None:
    stalled = partial(
        LightningPlateau, monitor="train_loss", patience=0, threshold=1e9, threshold_mode="abs", factor=0.5
    )
    observed = rates(lr_scheduler=stalled, check_val_every_n_epoch=3)
    assert observed == pytest.approx([0.1] * 8 + [0.05] * 4)


RARER = [
    ({"check_val_every_n_epoch": None, "val_check_interval": 5}, "trainer.val_check_interval is 5 batches"),
    ({"check_val_every_n_epoch": None, "val_check_interval": "00:00:00:02"}, "a time"),
    ({"val_check_interval": "00:00:00:02"}, "a time"),
]


@pytest.mark.parametrize(("validations", "words"), RARER, ids=str)
def test_plateau_of_a_metric_that_not_every_epoch_has_is_refused(validations: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=rf"model\.lr_scheduler: .* by 'val_loss' .*{re.escape(words)}"):
        rates(lr_scheduler=ReduceLROnPlateau, **validations)


@pytest.mark.parametrize("interval", [3, 4])  # Of 4 batches.
def test_plateau_takes_validations_by_the_batch_where_each_epoch_has_one(interval: int) -> None:
    stalled = partial(ReduceLROnPlateau, patience=0, threshold=1e9, threshold_mode="abs", factor=0.5)
    observed = rates(lr_scheduler=stalled, check_val_every_n_epoch=None, val_check_interval=interval)
    assert observed == pytest.approx([0.1] * 8 + [0.05] * 4)


def test_plateau_of_a_training_metric_takes_any_validations() -> None:
    by_train_loss = partial(LightningPlateau, monitor="train_loss")
    assert rates(lr_scheduler=by_train_loss, val_check_interval="00:01:00:00") == pytest.approx([0.1] * 12)


def test_plateau_scales_groups_with_rates_of_their_own() -> None:
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = SGD([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.2}])
    plateau = scheduler_config(partial(ReduceLROnPlateau, patience=0), optimizer, "epoch")["scheduler"]
    for loss in (1.0, 1.0):
        plateau.step(loss)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.02])


def test_plateau_by_the_step_is_refused() -> None:
    with pytest.raises(UserError, match="set model.lr_interval to 'epoch'"):
        rates(lr_scheduler=ReduceLROnPlateau, lr_interval="step")


def test_an_open_run_has_no_length_for_a_schedule() -> None:
    with pytest.raises(UserError, match="set trainer.max_epochs"):
        rates(max_epochs=-1, lr_scheduler=WarmupCosine)


@pytest.mark.parametrize(
    ("trainer", "steps"),
    [
        ({"accumulate_grad_batches": 3}, 6),  # Two steps an epoch: of 3 batches, and of 1.
        ({"limit_train_batches": 2}, 6),
        ({"max_steps": 5}, 5),
        ({"max_epochs": -1, "max_steps": 5}, 5),
        ({"max_time": "00:01:00:00"}, 12),
    ],
)
def test_the_length_of_the_run_is_that_of_the_trainer(trainer: dict[str, Any], steps: int) -> None:
    observed = rates(lr_scheduler=partial(WarmupPolynomial, warmup=0.0), **trainer)
    expected = [0.1 * warmup_polynomial(step, steps, 0) for step in range(steps)]
    assert list(dict.fromkeys(observed)) == pytest.approx(expected)


@pytest.mark.parametrize("trainer", [{}, {"max_epochs": -1}])
def test_max_steps_are_counted_in_epochs_where_the_schedule_goes_by_them(trainer: dict[str, Any]) -> None:
    observed = rates(lr_scheduler=partial(WarmupPolynomial, warmup=0.0), lr_interval="epoch", max_steps=8, **trainer)
    assert observed == pytest.approx([0.1] * 4 + [0.05] * 4)


def test_an_open_time_is_no_length() -> None:
    with pytest.raises(UserError, match="set trainer.max_epochs"):
        rates(max_epochs=-1, max_time="00:00:01:00", lr_scheduler=WarmupCosine)


def two_rates(parameters: Any) -> torch.optim.Optimizer:
    (scale,) = parameters
    head = torch.nn.Parameter(torch.zeros(1))
    return SGD([{"params": [scale]}, {"params": [head], "lr": 0.01}], lr=0.1)


def test_one_rate_for_an_optimizer_of_two_is_refused() -> None:
    with pytest.raises(UserError, match=r"OneCycleLR gives all .* has 2: \[0.01, 0.1\]. Take one that scales them"):
        rates(optimizer=two_rates, lr_scheduler=partial(OneCycleLR, max_lr=0.3))


def test_a_rate_for_each_group_is_taken() -> None:
    assert max(rates(optimizer=two_rates, lr_scheduler=partial(OneCycleLR, max_lr=[0.1, 0.01]))) > 0.09


ONE_CYCLE = partial(OneCycleLR, max_lr=0.1)
CYCLE = partial(CyclicLR, base_lr=0.1, max_lr=0.5, step_size_up=3)


def groups_of_rates(*rates: float) -> Any:
    def build(parameters: Any) -> torch.optim.Optimizer:
        (scale,) = parameters
        others = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates[1:]]
        return SGD([{"params": [scale]}, *others], lr=rates[0])

    return build


@pytest.mark.parametrize(
    ("optimizer", "schedule", "message"),
    [
        (groups_of_rates(0.02), ONE_CYCLE, r"lr 0.02 has no effect: OneCycleLR goes up to a max_lr of its own, 0.1\."),
        (groups_of_rates(0.2), CYCLE, r"lr 0.2 has no effect: CyclicLR goes up to a max_lr of its own, 0.5\."),
        (groups_of_rates(0.3, 0.02), partial(OneCycleLR, max_lr=[0.3, 0.03]), r"lr 0.02 has no effect: .* 0.03\."),
    ],
)
def test_a_rate_that_the_schedule_overrules_is_reported(optimizer: Any, schedule: Any, message: str) -> None:
    with pytest.warns(UserWarning, match=message) as reported:
        rates(optimizer=optimizer, lr_scheduler=schedule, max_epochs=1)
    assert len([each for each in reported if "has no effect" in str(each.message)]) == 1


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        (groups_of_rates(0.1), ONE_CYCLE),
        (groups_of_rates(0.1), CYCLE),
        (groups_of_rates(0.5), CYCLE),
        (groups_of_rates(0.3, 0.03), partial(OneCycleLR, max_lr=[0.3, 0.03])),
        (groups_of_rates(0.02), WarmupCosine),
    ],
)
def test_a_rate_that_the_schedule_has_too_is_not(optimizer: Any, schedule: Any) -> None:
    assert rates(optimizer=optimizer, lr_scheduler=schedule, max_epochs=1)  # Warnings are errors.


def test_an_interval_of_no_schedule_is_reported() -> None:
    with pytest.warns(UserWarning, match=r"model\.lr_interval epoch has no effect"):
        classifier(lr_interval="epoch")
