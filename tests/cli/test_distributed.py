"""Two processes on the CPU."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY, SMALL

DDP = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def launch(*words: str, launcher: Sequence[str] = ()) -> None:
    subprocess.run([sys.executable, *launcher, REPOSITORY / "main.py", *words], check=True, timeout=240)


def metrics() -> dict[str, float]:
    (path,) = Path("runs").glob("*/*/metrics.json")
    return json.loads(path.read_text())


@pytest.mark.slow
def test_two_processes_share_a_run_and_count_every_image_once() -> None:
    launch("fit", *SMALL, *DDP, "--test_after_fit", "true")
    together = metrics()
    launch("test", "--ckpt_path", "best", "--trainer.devices", "1")
    alone = metrics()
    # 359 images: shared out with repetition, one would count twice.
    assert together["test_acc"] == alone["test_acc"]
    assert together["test_loss"] == pytest.approx(alone["test_loss"], rel=1e-5)


@pytest.mark.slow
def test_processes_that_torchrun_starts_share_a_run() -> None:
    launch("fit", *SMALL, *DDP, "--test_after_fit", "true", launcher=TORCHRUN)
    metrics()
    (run,) = Path("runs").glob("*/*")
    shutil.copy(run / "checkpoints" / "last.ckpt", "exported.ckpt")
    launch("predict", "--ckpt_path", "exported.ckpt", "--run_name", "elsewhere", *DDP, launcher=TORCHRUN)
    (predictions,) = Path("runs/elsewhere").glob("*/predictions.csv")
    assert len(predictions.read_text().splitlines()) == 360


@pytest.mark.slow
def test_two_processes_predict_in_order() -> None:
    launch("fit", *SMALL)
    for name, words in {"together": DDP, "alone": []}.items():
        launch("predict", "--ckpt_path", "best", "--output", f"{name}.csv", *words)
    rows = {name: list(csv.DictReader(Path(f"{name}.csv").read_text().splitlines())) for name in ("together", "alone")}
    assert [row["path"] for row in rows["together"]] == [f"test/{i}" for i in range(359)]
    assert [row["label"] for row in rows["together"]] == [row["label"] for row in rows["alone"]]
