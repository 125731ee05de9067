"""A run that `trainer.max_time` ends, from the command line."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import Timer
from tests.chaos.comparison import differences
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.models import ImageClassifier

# Of ten steps, five in each epoch.
FIT = ["fit", *SMALL, "--trainer.log_every_n_steps", "1", "--test_after_fit", "true", "--resume", "auto"]
LIMIT = ["--trainer.max_time", "00:00:00:07"]


@pytest.fixture(autouse=True)
def _a_second_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    training_step = ImageClassifier.training_step

    def count(self: ImageClassifier, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return training_step(self, *arguments)

    monkeypatch.setattr(ImageClassifier, "training_step", count)
    monkeypatch.setattr(Timer, "time_elapsed", lambda self, *stage: steps)


def run_of(name: str) -> Path:
    (run,) = Path("runs", name).iterdir()
    return run


@pytest.mark.slow
def test_it_goes_on_with_more_time_as_if_it_had_not_ended(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    main([*FIT, *LIMIT, "--run_name", "limited"])
    assert "Timer" not in caplog.text
    printed = capsys.readouterr().out
    run = run_of("limited")
    assert "Stopped by trainer.max_time" in printed
    assert "test_acc" in printed
    assert not (run / "finished").exists()
    main([*FIT, "--run_name", "limited"])
    assert "Training finished" in capsys.readouterr().out
    assert (run / "finished").exists()
    main([*FIT, "--run_name", "whole"])
    assert differences(run_of("whole"), run) == []


def test_the_command_that_is_printed_goes_on_without_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    main([*FIT, *LIMIT, "--run_name", "limited", "--test_after_fit", "false"])
    (go_on,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("go on"))
    words = shlex.split(go_on)
    main(words[words.index("fit") :])
    assert (run_of("limited") / "finished").exists()
