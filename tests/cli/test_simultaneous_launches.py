import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tests.conftest import REPOSITORY, SMALL

LAUNCHES = 20
RUN_FILES = {"checkpoints", "config.fit.yaml", "environment.fit.json", "metrics.csv", "metrics.json"}


@pytest.mark.slow
def test_twenty_launches_at_the_same_time_give_twenty_complete_runs() -> None:
    words = [*SMALL, "--trainer.max_epochs", "1", "--test_after_fit", "true"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launches = [
        subprocess.Popen(
            [sys.executable, REPOSITORY / "main.py", "fit", *words, "--seed_everything", str(seed)],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for seed in range(LAUNCHES)
    ]
    assert [launch.wait() for launch in launches] == [0] * LAUNCHES

    runs = list(Path("runs/digits").iterdir())
    assert len(runs) == LAUNCHES
    seeds = set()
    for run in runs:
        files = {path.name for path in run.iterdir()}
        assert files >= RUN_FILES
        assert any(name.startswith("events.out.tfevents") for name in files)
        seeds.add(yaml.safe_load((run / "config.fit.yaml").read_text())["seed_everything"])
        checkpoints = sorted((run / "checkpoints").glob("*.ckpt"))
        assert [torch.load(file, weights_only=True)["epoch"] for file in checkpoints] == [0, 0]
    assert seeds == set(range(LAUNCHES))
