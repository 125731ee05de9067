"""Whether a run that had stopped early stays stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from tests.callbacks.resumed import every_step, train

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
    callbacks = [Score(later), stopping, ConfiguredPatience(stopping)]
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


@pytest.mark.parametrize("steps", ["2", "7"])  # Of 5 an epoch: in the first one, and in the second.
def test_an_epoch_that_max_steps_ends_before_its_validation_is_not_judged(fit: Callable[..., Path], steps: str) -> None:
    run = fit("--trainer.max_steps", steps)
    states = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    (stopping,) = (state for name, state in states.items() if name.startswith("EarlyStopping"))
    assert stopping["wait_count"] == 0
