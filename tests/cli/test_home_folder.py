"""`~` in what a config or a flag names is the home folder, in whatever shell and file it stands."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.conftest import SMALL

from litclassify.cli import main

SHORT = [*SMALL, "--model.network", "LeNet", "--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1"]
QUIET = ["--trainer.enable_progress_bar", "false"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that is not the current one, in which nothing of that name may lie at the end."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def run(home: Path) -> Path:
    """A run below the home folder."""
    main(["fit", *SHORT, "--runs_dir", "~/runs", "--run_name", "first"])
    (run,) = (home / "runs/first").iterdir()
    return run


@pytest.mark.slow
def test_runs_lie_and_are_found_there(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = f"~/runs/first/{run.name}"
    main(["fit", f"--ckpt_path={given}", "--trainer.max_epochs", "2", *QUIET])
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 1
    main(["validate", "--ckpt_path", "best", "--runs_dir", "~/runs", *QUIET])
    main(["validate", f"--ckpt_path={given}/last", *QUIET])
    capsys.readouterr()
    main(["runs", "--runs_dir=~/runs"])
    assert run.name in capsys.readouterr().out
    assert not Path("~").exists()


def test_predictions_lie_there(run: Path, home: Path) -> None:
    Path("images").mkdir()
    Image.new("L", (8, 8)).save("images/a.png")
    there = ["--output=~/table.csv", "--sort_into=~/sorted", "--explain=~/explained"]
    main(["predict", "--ckpt_path", str(run), "--data.path", "images", *there, *QUIET])
    assert {"table.csv", "sorted", "explained"} <= {path.name for path in home.iterdir()}
    assert not Path("~").exists()


def test_weights_come_from_there(run: Path) -> None:
    checkpoint = f"~/runs/first/{run.name}/checkpoints/last.ckpt"
    teacher = ["--model", "DistilledClassifier", "--model.teacher", "CheckpointTeacher"]
    teacher += ["--model.teacher.ckpt_path", checkpoint]
    main(["fit", *SHORT, *teacher, "--model.init_from", checkpoint])
