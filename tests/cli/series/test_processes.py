"""Series with a process for each run, as a user starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from tests.conftest import REPOSITORY, SMALL

from litclassify.cli.series import processes
from litclassify.cli.series.processes import run_process
from litclassify.errors import InterruptedBySignal

FIT = [sys.executable, str(REPOSITORY / "main.py"), "fit", *SMALL]
LONG = ["--trainer.max_epochs", "100000", "--early_stopping", "null"]


def wait_for(pattern: str, series: subprocess.Popen[Any]) -> None:
    while not list(Path().glob(pattern)):
        assert series.poll() is None
        time.sleep(0.1)


@pytest.mark.slow
def test_a_run_is_bit_for_bit_the_one_that_the_same_command_makes_by_itself() -> None:
    subprocess.run([*FIT, "--repeat", "2", "--test_after_fit", "true"], check=True, timeout=240)
    (folder,) = Path("runs").glob("*/*")
    subprocess.run([*FIT, "--seed_everything", "1", "--run_name", "alone"], check=True, timeout=240)
    (alone,) = Path("runs/alone").iterdir()
    ours, theirs = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (folder / "seed_1", alone)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.slow
def test_main_called_from_python_starts_processes_too() -> None:
    words = ["fit", *SMALL, "--folds", "2"]
    code = f"from litclassify.cli import main; main({words!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
    assert len(list(Path("runs").glob("*/*/fold_*/checkpoints/last.ckpt"))) == 2


@pytest.mark.slow
def test_runs_of_two_processes_each() -> None:
    ddp = ["--trainer.strategy", "ddp", "--trainer.devices", "2", "--test_after_fit", "true"]
    subprocess.run([*FIT, *ddp, "--repeat", "2"], check=True, timeout=280)
    (summary,) = Path("runs").glob("*/*/summary.json")
    assert json.loads(summary.read_text())["metrics"]["test_acc"]["n"] == 2


NOTING = """
import signal, sys, time
from pathlib import Path
noted = []
for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
    signal.signal(getattr(signal, name), lambda number, _: noted.append(number))
Path("ready").touch()
while not noted:
    time.sleep(0.01)
time.sleep(0.2)
Path("noted").write_text(" ".join(map(str, noted)))
sys.exit(128 + noted[0])
"""


def send_when_ready(number: int) -> None:
    while not Path("ready").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_is_passed_on_once(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setattr(processes, "program", lambda typed: ["-c", NOTING])
    before = signal.getsignal(number)
    sender = Thread(target=send_when_ready, args=(number,))
    sender.start()
    with pytest.raises(InterruptedBySignal) as stop:
        run_process([], Path("run"), [])
    sender.join()
    assert stop.value.code == 128 + number
    assert Path("noted").read_text() == str(int(number))
    assert signal.getsignal(number) == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_the_command_alone_lets_a_training_with_a_process_of_its_own_save(number: signal.Signals) -> None:
    words = [*FIT, *LONG, "--halve_batch_on_oom", "true"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as command:
        wait_for("runs/*/*/checkpoints/last.ckpt", command)
        os.kill(command.pid, number)
        printed, _ = command.communicate(timeout=120)
    assert command.returncode == 128 + number
    assert f"Stopped by {number.name}" in printed


SLEEPY = """
import time
from pathlib import Path
from litclassify.networks import MLP
class Sleepy(MLP):
    def forward(self, images):
        if not self.training and len(images) != 2:  # Not at the check of the input.
            Path("validating").touch()
            time.sleep(8)
        return super().forward(images)
"""


@pytest.mark.slow
def test_ctrl_c_in_a_long_validation_of_a_series_waits_for_its_end() -> None:
    """A terminal sends it to both processes."""
    Path("sleepy.py").write_text(SLEEPY)
    words = [*FIT, "--allow_import", "sleepy", "--model.network", "sleepy.Sleepy", "--model.network.in_features", "64"]
    words += ["--trainer.num_sanity_val_steps", "0", "--repeat", "2"]
    environment = {**os.environ, "PYTHONPATH": f"{Path.cwd()}:{os.environ.get('PYTHONPATH', '')}"}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as series:
        wait_for("validating", series)
        os.killpg(series.pid, signal.SIGINT)
        printed, _ = series.communicate(timeout=120)
    assert series.returncode == 128 + signal.SIGINT
    assert "Stopped by SIGINT" in printed
    assert list(Path("runs").glob("*/*/seed_0/checkpoints/last.ckpt"))


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_the_series_alone_ends_the_run_with_it(stop: signal.Signals) -> None:
    with subprocess.Popen([*FIT, *LONG, "--repeat", "2"], stdout=subprocess.PIPE, text=True) as series:
        wait_for("runs/*/*/seed_0/checkpoints/last.ckpt", series)
        os.kill(series.pid, stop)
        printed, _ = series.communicate(timeout=120)
    assert series.returncode == 128 + stop
    assert f"Stopped by {stop.name}" in printed
    (folder,) = Path("runs").glob("*/*")
    rows = (folder / "seed_0" / "metrics.csv").stat().st_size
    time.sleep(2)
    assert (folder / "seed_0" / "metrics.csv").stat().st_size == rows
    assert json.loads((folder / "series.json").read_text())["exit_codes"] == {"0": None, "1": None}


@pytest.mark.slow
def test_a_run_that_is_killed_does_not_keep_the_others_from_it() -> None:
    series = subprocess.Popen([*FIT, *LONG, "--repeat", "2"])
    for seed in (0, 1):
        wait_for(f"runs/*/*/seed_{seed}/checkpoints/last.ckpt", series)
        subprocess.run(["pkill", "-KILL", "-P", str(series.pid)], check=True)
    assert series.wait(120) == 1
    (record,) = Path("runs").glob("*/*/series.json")
    assert json.loads(record.read_text())["exit_codes"] == {"0": -9, "1": -9}
