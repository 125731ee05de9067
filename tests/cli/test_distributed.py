"""Two processes on the CPU."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY, SMALL

DDP = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]


def launch(*words: str) -> None:
    subprocess.run([sys.executable, REPOSITORY / "main.py", *words], check=True, timeout=240)


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
def test_two_processes_predict_in_order() -> None:
    launch("fit", *SMALL)
    for name, words in {"together": DDP, "alone": []}.items():
        launch("predict", "--ckpt_path", "best", "--output", f"{name}.csv", *words)
    rows = {name: list(csv.DictReader(Path(f"{name}.csv").read_text().splitlines())) for name in ("together", "alone")}
    assert [row["path"] for row in rows["together"]] == [f"test/{i}" for i in range(359)]
    assert [row["label"] for row in rows["together"]] == [row["label"] for row in rows["alone"]]
