"""A training whose time is over ends between two steps, and goes on as if it had not."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tests.callbacks.resumed import BATCHES, EPOCHS, differences, every_step, train

from litclassify.callbacks import TimeLimit
from litclassify.callbacks.resuming.time_limit import stopped_by_time

STEPS = EPOCHS * BATCHES
BATCH_S = 60.0

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`.*'Timer'"),
]


class Slow(Callback):
    """Lets a batch take a minute, and notes which hooks are called.

    Args:
        monkeypatch: Sets the clock.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = 0.0
        self.called: list[str] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.clock)

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.clock += BATCH_S

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.called.append("validation")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.called.append("epoch end")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.called.append("train end")
        self.stopped_by_time = stopped_by_time(trainer)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole")
    return train(folder, rarely(folder))


def rarely(folder: Path) -> Any:
    """Checkpoints after epochs alone: what is saved in one is saved by the limit."""
    return every_step(folder, every_n_train_steps=None)


def minutes(number: int) -> TimeLimit:
    return TimeLimit({"minutes": number})


def batches_done(folder: Path) -> int:
    position = torch.load(folder / "last.ckpt", weights_only=True)["training_state"]["position"]
    return int(position["epoch"] * BATCHES + position["batch"])


@pytest.mark.parametrize("batches", [1, 3, BATCHES, BATCHES + 2])
def test_training_ends_after_a_step_and_goes_on_exactly(
    tmp_path: Path, whole: dict[str, Any], slow: Slow, batches: int
) -> None:
    train(tmp_path, slow, minutes(batches), rarely(tmp_path))
    assert batches_done(tmp_path) == batches
    assert slow.called == [*["validation", "epoch end"] * (batches // BATCHES), "train end"]
    assert slow.stopped_by_time
    assert differences(whole, train(tmp_path, rarely(tmp_path), resumed=tmp_path / "last.ckpt")) == []


def test_the_time_of_a_run_counts_through_interruptions(tmp_path: Path, whole: dict[str, Any], slow: Slow) -> None:
    last = tmp_path / "last.ckpt"
    train(tmp_path, slow, minutes(3), rarely(tmp_path))
    for limit, batches in ((3, 3), (4, 4), (7, 7)):
        train(tmp_path, slow, minutes(limit), rarely(tmp_path), resumed=last)
        assert batches_done(tmp_path) == batches
    ended = train(tmp_path, slow, minutes(STEPS + 1), rarely(tmp_path), resumed=last)
    assert not slow.stopped_by_time
    assert differences(whole, ended) == []


def test_accumulated_gradients_get_their_step(tmp_path: Path, slow: Slow) -> None:
    train(tmp_path, slow, minutes(1), rarely(tmp_path), accumulate_grad_batches=2)
    assert batches_done(tmp_path) == 2


def test_time_that_is_over_with_the_last_step_stops_nothing(tmp_path: Path, whole: dict[str, Any], slow: Slow) -> None:
    ended = train(tmp_path, slow, minutes(STEPS), rarely(tmp_path))
    assert not slow.stopped_by_time
    assert differences(whole, ended) == []
    again = train(tmp_path, slow, minutes(STEPS), rarely(tmp_path), resumed=tmp_path / "last.ckpt")
    assert not slow.stopped_by_time
    assert again["steps"] == STEPS


def test_epochs_that_there_shall_be_at_least_take_their_time(tmp_path: Path, slow: Slow) -> None:
    train(tmp_path, slow, minutes(2), rarely(tmp_path), min_epochs=1)
    assert batches_done(tmp_path) == BATCHES


def test_without_checkpoints_it_ends_too(tmp_path: Path, slow: Slow) -> None:
    ended = train(tmp_path, slow, minutes(3), every_step(tmp_path, save_last=None, every_n_train_steps=100))
    assert slow.stopped_by_time
    assert ended["steps"] == 3
