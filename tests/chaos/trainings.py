"""Trainings by name, that begin or go on with one and the same command."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.processes import Training


def train(name: str, words: list[str], prepare: Callable[[], object] | None = None, runs: str = "runs") -> Training:
    """Begin to train, or go on where a training of this name stopped."""
    resumed = ["--run_name", name, "--runs_dir", runs, "--resume", "auto"]
    return Training(["fit", *words, *resumed], Path(f"{name}.txt"), prepare)


def trained(name: str, words: list[str], runs: str = "runs") -> Path:
    """Train to the end; gives the run."""
    training = train(name, words, runs=runs)
    assert training.wait() == 0, training.printed()
    return run_of(name, runs)


def seconds_of_training(name: str, words: list[str]) -> float:
    """Train without a stop, and give the time from the first checkpoint to the end."""
    training = train(name, words)
    training.wait_until(lambda: has_checkpoint(name))
    start = time.monotonic()
    assert training.wait() == 0, training.printed()
    return time.monotonic() - start


def run_of(name: str, runs: str = "runs") -> Path:
    (run,) = Path(runs, name).iterdir()
    return run


def has_checkpoint(name: str, runs: str = "runs") -> bool:
    return any(Path(runs).glob(f"{name}/*/checkpoints/last.ckpt"))


def refusal(training: Training) -> str:
    """Wait for a training that cannot go on; gives the lines with which it says so."""
    code = training.wait()
    printed = training.printed()
    assert code == 2, printed
    assert "Traceback" not in printed
    message = printed[printed.rindex("error: ") :].strip()
    assert len(message.splitlines()) <= 10
    return message
