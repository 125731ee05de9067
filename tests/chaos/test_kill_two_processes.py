"""A training on two processes that is killed, with both of them, ends as one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.trainings import has_checkpoint, run_of
from tests.conftest import REPOSITORY, SMALL

TIMEOUT_S = 240
DDP = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]
WORDS = [
    *[*SMALL, *DDP, "--data.batch_size", "64", "--trainer.max_epochs", "40", "--trainer.log_every_n_steps", "1"],
    *["--model.network.dropout", "0.2", "--checkpoint.every_n_train_steps", "3", "--early_stopping", "null"],
]


def start(name: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, REPOSITORY / "main.py", "fit", *WORDS, "--run_name", name, "--resume", "auto"]
    with Path(f"{name}.txt").open("ab") as output:
        return subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True)


def end(name: str) -> Path:
    assert start(name).wait(TIMEOUT_S) == 0, Path(f"{name}.txt").read_text()
    return run_of(name)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_training_of_two_processes_ends_as_one_that_was_not() -> None:
    whole = end("whole")
    for kill in range(2):
        name = f"killed{kill}"
        training = start(name)
        while not has_checkpoint(name):
            assert training.poll() is None, Path(f"{name}.txt").read_text()
            time.sleep(0.01)
        time.sleep(0.3 * kill)
        os.killpg(training.pid, signal.SIGKILL)
        assert training.wait(TIMEOUT_S) == -signal.SIGKILL
        assert differences(whole, end(name)) == []
        assert "going on with" in Path(f"{name}.txt").read_text()
