"""A clock that is set back or forward while training runs."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import torch
from tests.chaos.comparison import differences
from tests.chaos.processes import Training
from tests.chaos.trainings import run_of, train, trained
from tests.conftest import SMALL

from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.cli.runs import directory

WORDS = [*SMALL, "--trainer.max_epochs", "3", "--trainer.log_every_n_steps", "1"]
DAY_S = 86400.0


def clock_set_by(jump_s: float, every: int = 7) -> Callable[[], None]:
    """Let the clock of a process jump, there and back, at every so many looks at it."""

    def patch() -> None:
        true_time = time.time
        looks = 0

        def jumping() -> float:
            nonlocal looks
            looks += 1
            return true_time() + (jump_s if looks // every % 2 else 0)

        time.time = jumping

    return patch


@pytest.mark.slow
@pytest.mark.parametrize("jump_s", [-DAY_S, DAY_S])
def test_a_clock_that_jumps_changes_nothing(jump_s: float) -> None:
    whole = trained("whole", WORDS)
    training = train("jumping", WORDS, clock_set_by(jump_s))
    assert training.wait() == 0, training.printed()
    assert differences(whole, run_of("jumping")) == []


@pytest.mark.slow
def test_minutes_between_checkpoints_are_not_those_of_the_clock() -> None:
    words = [*WORDS, "--checkpoint.every_n_minutes", "600"]
    for name, jump_s in {"as it is": 0.0, "jumping": DAY_S}.items():
        training = train(name, words, clock_set_by(jump_s))
        assert training.wait() == 0, training.printed()
    steps = [
        [torch.load(file, weights_only=True)["global_step"] for file in sorted(run_of(name).glob("checkpoints/*.ckpt"))]
        for name in ("as it is", "jumping")
    ]
    assert steps[0] == steps[1]


@pytest.mark.slow
def test_a_run_from_before_the_clock_was_set_back_goes_on_from_its_last_checkpoint() -> None:
    killed = train("run", [*WORDS, "--trainer.max_epochs", "500"])
    killed.wait_until(lambda: any(Path("runs").glob("run/*/checkpoints/previous.ckpt")))
    assert killed.kill()
    run = run_of("run")
    for file in run.glob("checkpoints/*.ckpt"):
        later_s = time.time() + (DAY_S if file.name == "previous.ckpt" else 0)
        os.utime(file, (later_s, later_s))
    assert resolve_checkpoint(f"{run}/last", Path("runs")) == run / "checkpoints" / "last.ckpt"
    resumed = Training(["fit", *WORDS, "--ckpt_path", f"{run}/last"], Path("resumed.txt"))
    assert resumed.wait() == 0, resumed.printed()


def test_runs_of_a_second_that_comes_twice_do_not_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        @staticmethod
        def now() -> datetime:
            return datetime(2026, 10, 25, 2, 30)  # When summer time ends, an hour comes twice.

    monkeypatch.setattr(directory, "datetime", Clock)
    names = [directory.create_run_dir(Path("runs/name")).name for _ in range(12)]
    assert len(set(names)) == 12
    assert max(names, key=lambda name: directory._launched(Path(name))) == names[-1]
