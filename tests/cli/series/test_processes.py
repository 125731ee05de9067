"""Series with a process for each run, as a user starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.conftest import REPOSITORY, SMALL

FIT = [sys.executable, str(REPOSITORY / "main.py"), "fit", *SMALL]
LONG = ["--trainer.max_epochs", "100000", "--early_stopping", "null"]


def wait_for(pattern: str, series: subprocess.Popen[bytes]) -> None:
    while not list(Path("runs").glob(pattern)):
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


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_series_alone_ends_the_run_with_it(stop: signal.Signals) -> None:
    series = subprocess.Popen([*FIT, *LONG, "--repeat", "2"], stdout=subprocess.DEVNULL)
    wait_for("*/*/seed_0/checkpoints/last.ckpt", series)
    os.kill(series.pid, stop)
    assert series.wait(120) == 128 + stop
    (folder,) = Path("runs").glob("*/*")
    rows = (folder / "seed_0" / "metrics.csv").stat().st_size
    time.sleep(2)
    assert (folder / "seed_0" / "metrics.csv").stat().st_size == rows
    assert json.loads((folder / "series.json").read_text())["exit_codes"] == {"0": None, "1": None}


@pytest.mark.slow
def test_a_run_that_is_killed_does_not_keep_the_others_from_it() -> None:
    series = subprocess.Popen([*FIT, *LONG, "--repeat", "2"])
    for seed in (0, 1):
        wait_for(f"*/*/seed_{seed}/checkpoints/last.ckpt", series)
        subprocess.run(["pkill", "-KILL", "-P", str(series.pid)], check=True)
    assert series.wait(120) == 1
    (record,) = Path("runs").glob("*/*/series.json")
    assert json.loads(record.read_text())["exit_codes"] == {"0": -9, "1": -9}
