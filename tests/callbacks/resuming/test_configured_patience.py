"""Whether a run that had stopped early stays stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from tests.callbacks.resumed import Seen, every_step, train
from tests.conftest import every

from litclassify.callbacks import ConfiguredPatience

pytestmark = pytest.mark.filterwarnings("ignore:.*exists and is not empty.*")


class Score(Callback):
    """Logs a metric: 0 after the first epoch, and `later` after each other one."""

    def __init__(self, later: float) -> None:
        self.later = later

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        pl_module.log("score", self.later if trainer.current_epoch else 0.0)


def epochs(folder: Path, later: float, resumed: Path | None = None, **settings: Any) -> int:
    stopping = EarlyStopping("score", mode="max", **settings)
    callbacks = [Score(later), ConfiguredPatience(stopping), stopping]
    trained: int = train(folder, *callbacks, every_step(folder), resumed=resumed, max_epochs=4)["epochs"]
    return trained


@pytest.mark.parametrize(
    ("later", "first", "second", "goes_on"),
    [
        (-5.0, {"divergence_threshold": -1.0}, {"divergence_threshold": -9.0}, True),
        (-5.0, {"divergence_threshold": -1.0}, {"divergence_threshold": -5.5}, True),
        (-5.0, {"divergence_threshold": -1.0}, {"divergence_threshold": -4.0}, False),
        (-5.0, {"divergence_threshold": -1.0}, {}, True),
        (5.0, {"stopping_threshold": 1.0}, {"stopping_threshold": 4.0}, False),
        (5.0, {"stopping_threshold": 1.0}, {"stopping_threshold": 5.0}, True),
        (float("nan"), {"check_finite": True}, {"check_finite": True}, False),
        (float("nan"), {"check_finite": True}, {"check_finite": False}, True),
        (0.0, {"patience": 1}, {"patience": 1}, False),
        (0.0, {"patience": 2}, {"patience": 1}, False),
        (0.0, {"patience": 1}, {"patience": 9}, True),
        (0.5, {"patience": 1, "min_delta": 1.0}, {"patience": 1, "min_delta": 0.1}, True),
    ],
)
def test_a_run_goes_on_where_its_new_settings_would_have_let_it(
    tmp_path: Path, later: float, first: dict[str, Any], second: dict[str, Any], goes_on: bool
) -> None:
    stopped = epochs(tmp_path, later, **{"patience": 9, **first})
    assert stopped in (2, 3)
    ended = epochs(tmp_path, later, tmp_path / "last.ckpt", **{"patience": 9, **second})
    assert (ended > stopped) == goes_on


class Judged(EarlyStopping):
    """Keeps what it has judged."""

    def __init__(self, **settings: Any) -> None:
        super().__init__("train_loss", patience=9, **settings)
        self.values: list[float] = []

    def _evaluate_stopping_criteria(self, current: torch.Tensor) -> tuple[bool, str | None]:
        self.values.append(current.item())
        return super()._evaluate_stopping_criteria(current)


@pytest.mark.parametrize(
    "validations",
    [
        {},
        {"val_check_interval": 2},
        {"val_check_interval": 3, "check_val_every_n_epoch": None},
        {"check_val_every_n_epoch": 2},
        {"val_check_interval": "00:00:00:09"},
    ],
    ids=str,
)
def test_a_training_metric_is_judged_after_each_epoch_whenever_validations_are(
    tmp_path: Path, validations: dict[str, Any]
) -> None:
    stopping, seen = Judged(), Seen()
    train(tmp_path, seen, ConfiguredPatience(stopping), stopping, max_epochs=4, **validations)
    assert stopping.values == [metrics["train_loss"] for metrics in seen.metrics.values()]


def test_when_it_is_judged_can_be_said(tmp_path: Path) -> None:
    stopping = Judged(check_on_train_epoch_end=False, strict=False)
    train(tmp_path, ConfiguredPatience(stopping), stopping, max_epochs=4)
    assert len(stopping.values) == 3  # In the first validation there is none.


@pytest.mark.parametrize("words", every(2, [[], ["--early_stopping.monitor", "train_loss"]]))
@pytest.mark.parametrize("steps", ["2", "7"])  # Of 5 an epoch: in the first one, and in the second.
def test_an_epoch_that_max_steps_ends_before_its_metric_is_not_judged(
    fit: Callable[..., Path], steps: str, words: list[str]
) -> None:
    mode = ["--early_stopping.mode", "min"] if words else []
    run = fit("--trainer.max_steps", steps, *words, *mode)
    states = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    (stopping,) = (state for name, state in states.items() if name.startswith("EarlyStopping"))
    assert stopping["wait_count"] == 0
    if words:
        assert bool(stopping["best_score"].isinf()) == (steps == "2")
