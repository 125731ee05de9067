"""A signal lets the step end, saves and leaves."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from tests.callbacks.resumed import BATCHES, EPOCHS, differences, every_step, train

from litclassify.callbacks import Interruption
from litclassify.callbacks.resuming import interruption
from litclassify.errors import InterruptedBySignal

pytestmark = pytest.mark.filterwarnings("ignore:.*exists and is not empty.*")
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]


@pytest.fixture(autouse=True)
def _no_wait_for_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "SAME_S", 0.05)


class Sender(Callback):
    """Sends signals to this process in a hook, when that is called the n-th time."""

    def __init__(self, hook: str, call: int, *signals: int) -> None:
        self.left, self.signals = call, signals
        setattr(self, hook, self.send)

    def send(self, *arguments: Any) -> None:
        self.left -= 1
        if self.left == 0:
            for number in self.signals:
                os.kill(os.getpid(), number)
                for _ in range(100):  # Python calls handlers between two of its instructions.
                    pass


def rarely(folder: Path) -> Any:
    """Checkpoints after epochs alone: what is saved in one is saved by the signal."""
    return every_step(folder, every_n_train_steps=None)


def interrupt(folder: Path, *callbacks: Callback, **arguments: Any) -> InterruptedBySignal:
    with pytest.raises(InterruptedBySignal) as stop:
        train(folder, Interruption(), *callbacks, rarely(folder), **arguments)
    return stop.value


def batches_done(folder: Path) -> int:
    position = torch.load(folder / "last.ckpt", weights_only=True)["training_state"]["position"]
    return position["epoch"] * BATCHES + position["batch"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole")
    return train(folder, rarely(folder))


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_in_a_step_ends_after_it(tmp_path: Path, whole: Any, number: int) -> None:
    stop = interrupt(tmp_path, Sender("on_before_backward", 3, number))
    assert stop.code == 128 + number
    assert (stop.signal, stop.checkpoint) == (number, str(tmp_path / "last.ckpt"))
    assert batches_done(tmp_path) == 3
    assert differences(whole, train(tmp_path, rarely(tmp_path), resumed=tmp_path / "last.ckpt")) == []


def test_signal_is_confirmed_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    interrupt(tmp_path, Sender("on_before_backward", 3, signal.SIGTERM))
    assert "SIGTERM: saving after this step. Once more leaves now." in capfd.readouterr().err


def test_signal_in_a_validation_ends_after_it(tmp_path: Path, whole: Any) -> None:
    interrupt(tmp_path, Sender("on_validation_batch_start", 1, signal.SIGTERM))
    assert batches_done(tmp_path) == BATCHES
    assert differences(whole, train(tmp_path, rarely(tmp_path), resumed=tmp_path / "last.ckpt")) == []


def test_signal_in_a_validation_within_an_epoch(tmp_path: Path) -> None:
    interrupt(tmp_path, Sender("on_validation_batch_start", 1, signal.SIGTERM), val_check_interval=2)
    assert batches_done(tmp_path) == 2


def test_signal_before_the_first_step(tmp_path: Path) -> None:
    stop = interrupt(tmp_path, Sender("on_sanity_check_start", 1, signal.SIGTERM), num_sanity_val_steps=1)
    assert (stop.code, stop.checkpoint) == (143, str(tmp_path / "last.ckpt"))
    assert batches_done(tmp_path) == 0


@pytest.mark.parametrize("call", [1, 2])
def test_signal_in_accumulation_waits_for_the_step(tmp_path: Path, call: int) -> None:
    interrupt(tmp_path, Sender("on_before_backward", call, signal.SIGTERM), accumulate_grad_batches=2)
    assert batches_done(tmp_path) == 2


def test_signal_in_the_last_step(tmp_path: Path, whole: Any) -> None:
    """Training comes to its end and is saved; what would follow it does not come."""
    stop = interrupt(tmp_path, Sender("on_before_backward", EPOCHS * BATCHES, signal.SIGTERM))
    assert (stop.code, stop.checkpoint) == (143, str(tmp_path / "last.ckpt"))
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert differences(whole["weights"], saved["state_dict"]) == []


def test_second_signal_leaves_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "SAME_S", -1.0)  # It comes later.
    stop = interrupt(tmp_path, Sender("on_before_backward", 3, signal.SIGTERM, signal.SIGINT))
    assert (stop.code, stop.checkpoint) == (130, "")
    assert not (tmp_path / "last.ckpt").exists()


def test_signal_that_comes_twice_at_the_same_time_is_one(tmp_path: Path) -> None:
    """From the terminal, and from the process that started this one."""
    stop = interrupt(tmp_path, Sender("on_before_backward", 3, signal.SIGTERM, signal.SIGTERM, signal.SIGINT))
    assert (stop.code, stop.checkpoint) == (143, str(tmp_path / "last.ckpt"))
    assert batches_done(tmp_path) == 3


def test_last_is_written_on_a_signal_where_it_is_not_kept_otherwise(tmp_path: Path) -> None:
    with pytest.raises(InterruptedBySignal) as stop:
        train(
            tmp_path,
            Interruption(),
            Sender("on_before_backward", 3, signal.SIGTERM),
            every_step(tmp_path, save_last=None, every_n_train_steps=None),
            limit_val_batches=0,
        )
    assert stop.value.checkpoint == str(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").exists()


@pytest.mark.parametrize("interrupted", [False, True])
def test_handlers_are_put_back(tmp_path: Path, interrupted: bool) -> None:
    def handler(*arguments: Any) -> None:
        raise AssertionError

    before = {number: signal.signal(number, handler) for number in (signal.SIGUSR1, signal.SIGINT)}
    try:
        if interrupted:
            interrupt(tmp_path, Sender("on_before_backward", 1, signal.SIGTERM))
        else:
            train(tmp_path, Interruption(), rarely(tmp_path), max_epochs=1)
        assert all(signal.getsignal(number) is handler for number in before)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def test_second_training_of_a_trainer_is_not_interrupted_by_the_signal_of_the_first(tmp_path: Path) -> None:
    interruption = Interruption()
    with pytest.raises(InterruptedBySignal):
        train(tmp_path, interruption, Sender("on_before_backward", 1, signal.SIGTERM), rarely(tmp_path))
    assert train(tmp_path, interruption, rarely(tmp_path), max_epochs=1)["epochs"] == 1


def test_training_in_another_thread(tmp_path: Path) -> None:
    trained: list[Any] = []
    thread = threading.Thread(
        target=lambda: trained.append(train(tmp_path, Interruption(), rarely(tmp_path), max_epochs=1))
    )
    thread.start()
    thread.join()
    assert trained[0]["epochs"] == 1
