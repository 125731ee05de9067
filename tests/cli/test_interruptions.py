"""What a signal that ends a training leaves on the screen, in the run and in the queue."""

import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import SMALL

from litclassify.callbacks.resuming import interruption
from litclassify.cli import main
from litclassify.models import ImageClassifier

Interrupt = Callable[..., str]
JOB = {"JOB_ID": "71", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_NAME": "train"}
SCONTROL = '#!/bin/sh\necho "$@" >> {0}/scontrol.txt\nexit {1}\n'


@pytest.fixture(autouse=True)
def _no_wait_for_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "SAME_S", 0.05)


@pytest.fixture
def interrupt(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Interrupt:
    """Send a signal in the third step of a training; gives what the command prints."""

    def run(number: int, *words: str) -> str:
        calls, step = [], ImageClassifier.training_step

        def send(self: ImageClassifier, *arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == 3:
                os.kill(os.getpid(), number)
            return step(self, *arguments)

        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(ImageClassifier, "training_step", send)
            with pytest.raises(SystemExit) as stop:
                main(["fit", *SMALL, *words])
        assert stop.value.code == 128 + number
        printed = "".join([*capfd.readouterr(), caplog.text])
        assert "Traceback" not in printed
        return printed

    return run


def run_dir() -> Path:
    (run,) = Path("runs").glob("*/*")
    return run


def scontrol(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> None:
    program = folder / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(SCONTROL.format(shlex.quote(str(folder)), code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_saved_and_how_to_go_on_is_printed(interrupt: Interrupt, number: int) -> None:
    printed = interrupt(number)
    run = run_dir()
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines() if line.startswith(("Stopped", "saved")))
    assert lines["Stopped"].startswith(f"by {signal.Signals(number).name}")
    assert lines["saved"].strip() == f"{run}/checkpoints/last.ckpt"
    (go_on,) = (line.removeprefix("go on") for line in printed.splitlines() if line.startswith("go on"))
    words = shlex.split(go_on)
    main([*words[words.index("fit") :], "--trainer.enable_progress_bar", "false"])
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1
    assert (run / "finished").exists()


def test_interrupted_run_is_not_finished(interrupt: Interrupt) -> None:
    interrupt(signal.SIGTERM)
    assert not (run_dir() / "finished").exists()


@pytest.mark.slow
def test_signal_in_the_last_step_comes_before_the_test(interrupt: Interrupt) -> None:
    words = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "3"]
    assert "test_acc" not in interrupt(signal.SIGTERM, "--test_after_fit", "true", *words)
    main(["fit", "--ckpt_path", f"{run_dir()}/last", "--trainer.enable_progress_bar", "false"])
    assert "test_acc" in (run_dir() / "metrics.json").read_text()


@pytest.mark.parametrize(
    ("variables", "job"),
    [({}, "71"), ({"ARRAY_JOB_ID": "70", "ARRAY_TASK_ID": "4"}, "70_4")],
)
def test_job_of_slurm_is_asked_for_again(
    interrupt: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], job: str
) -> None:
    scontrol(tmp_path, monkeypatch)
    for name, value in {**JOB, **variables}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert f"SLURM will run job {job} again." in interrupt(signal.SIGUSR1)
    assert (tmp_path / "scontrol.txt").read_text() == f"requeue {job}\n"
    assert (run_dir() / "checkpoints" / "last.ckpt").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_other_signals_end_the_job(
    interrupt: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    scontrol(tmp_path, monkeypatch)
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    interrupt(number)
    assert not (tmp_path / "scontrol.txt").exists()


def test_outside_of_a_job_nothing_is_asked_for(
    interrupt: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, monkeypatch)
    assert "SLURM" not in interrupt(signal.SIGUSR1)
    assert not (tmp_path / "scontrol.txt").exists()


def test_refusal_of_slurm_is_said(interrupt: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol(tmp_path, monkeypatch, code=1)
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    assert "SLURM did not take job 71 back" in interrupt(signal.SIGUSR1)


def test_job_without_scontrol(interrupt: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    assert "SLURM did not take job 71 back" in interrupt(signal.SIGUSR1)
