"""Processes that predict: what they hold in memory, and what they leave when they are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from tests.conftest import REPOSITORY

SYNTHETIC = ["--allow_import", "synthetic_images", "--data", "synthetic_images.Synthetic"]
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
NETWORK = ["--model.network", "MLP", "--model.network.in_features", "16", "--model.optimizer", "SGD"]
FIT = ["fit", *SYNTHETIC, *NETWORK, "--model.optimizer.lr", "0.1", "--trainer.max_epochs", "1", *QUIET]
PREDICT = ["predict", *SYNTHETIC, "--ckpt_path", "best", *QUIET]
DDP = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]
MEASURED = """
import resource, sys
from litclassify.cli import main
main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def start(*words: str, program: tuple[str, ...] = (str(REPOSITORY / "main.py"),)) -> "subprocess.Popen[str]":
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    return subprocess.Popen(
        [sys.executable, *program, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    printed, _ = process.communicate(timeout=280)
    assert process.returncode == 0, printed
    return printed


@pytest.fixture
def trained() -> None:
    finish(start(*FIT))


def peak_mb(count: int, output: str) -> float:
    words = [*PREDICT, "--data.count", str(count), "--output", output]
    return int(finish(start(*words, program=("-c", MEASURED))).split()[-1]) / 1024


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_ten_times_as_many_predictions_take_no_more_memory(suffix: str) -> None:
    few, many = peak_mb(10_000, f"few.{suffix}"), peak_mb(100_000, f"many.{suffix}")
    # The numbers of the images themselves, which the data set holds, take 1.5 MB more.
    assert many < few + 16, f"{few:.0f} MB for 10,000 images, {many:.0f} MB for 100,000"


def kill_at(process: "subprocess.Popen[str]", parts: list[Path], num_bytes: int) -> None:
    """Kill a command with all its processes as soon as each part has grown to a size."""
    while process.poll() is None and not all(part.exists() and part.stat().st_size > num_bytes for part in parts):
        time.sleep(0.01)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def content(path: Path) -> Any:
    return parquet.read_table(path) if path.suffix == ".parquet" else path.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("suffix", "processes"), [("csv", 1), ("jsonl", 1), ("parquet", 1), ("csv", 2)])
def test_a_prediction_that_is_killed_goes_on_to_the_same_table(suffix: str, processes: int) -> None:
    words = [*PREDICT, "--data.count", "30001", *(DDP if processes > 1 else []), "--output"]
    finish(start(*words, f"at_once.{suffix}"))
    parts = [Path(f".p.{suffix}.part{rank}") for rank in range(processes)]
    for num_bytes in (500_000, 1_500_000):
        kill_at(start(*words, f"p.{suffix}"), parts, num_bytes)
    assert not Path(f"p.{suffix}").exists()
    assert "Going on behind " in finish(start(*words, f"p.{suffix}"))
    assert content(Path(f"p.{suffix}")) == content(Path(f"at_once.{suffix}"))
    assert not list(Path().glob(".*"))


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_more_processes_than_images_write_each_image_once() -> None:
    finish(start(*PREDICT, "--data.count", "1", *DDP, "--output", "p.jsonl"))
    assert [json.loads(line)["path"] for line in Path("p.jsonl").read_text().splitlines()] == ["test/0"]
