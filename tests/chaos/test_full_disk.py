"""A disk that is full at any moment of a training."""

import random
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.disks import fill, small_disk
from tests.chaos.processes import Training
from tests.chaos.trainings import refusal, run_of, train, trained
from tests.conftest import SMALL

from litclassify.cli.checkpoints.checkpoint import load

WORDS = [
    *SMALL,
    "--trainer.max_epochs",
    "6",
    "--trainer.log_every_n_steps",
    "1",
    "--checkpoint.every_n_train_steps",
    "3",
]
# All that a run of these holds at a time takes 1.1 MB: with less, the disk is full before its end.
POINTS = 20
ENOUGH = 900_000

pytestmark = [pytest.mark.slow, pytest.mark.mounts]


def finished_run(runs: Path, name: str) -> Path:
    (finished,) = runs.glob(f"{name}/*/finished")
    return finished.parent


@pytest.mark.timeout(1800)
def test_what_was_written_before_is_whole_and_with_room_the_training_ends_as_any_other(tmp_path: Path) -> None:
    whole = trained("whole", WORDS)
    chance = random.Random(0)
    with_checkpoint = 0
    for point in range(POINTS):
        with small_disk(tmp_path / f"disk{point}", mebibytes=4) as disk:
            runs = disk / "runs"
            ballast = fill(disk, free_bytes=chance.randrange(ENOUGH))
            message = refusal(train("full", WORDS, runs=str(runs)))
            assert "No space left on device" in message
            checkpoints = list(runs.glob("full/*/checkpoints/*.ckpt"))
            for checkpoint in checkpoints:
                load(checkpoint)
            assert bool(checkpoints) == ("/last goes on" in message)
            with_checkpoint += bool(checkpoints)
            ballast.unlink()
            trained("full", WORDS, runs=str(runs)) if checkpoints else train("full", WORDS, runs=str(runs)).wait()
            assert differences(whole, finished_run(runs, "full")) == []
    assert POINTS / 4 < with_checkpoint < POINTS


def test_loggers_that_find_the_disk_full_end_the_training_with_one_line(tmp_path: Path) -> None:
    words = [*WORDS, "--checkpoint", "null", "--trainer.max_epochs", "2000"]
    with small_disk(tmp_path / "disk", mebibytes=4) as disk:
        for free_bytes in (20_000, 40_000, 80_000):
            ballast = fill(disk, free_bytes)
            message = refusal(train(f"full{free_bytes}", words, runs=str(disk / "runs")))
            assert "No space left on device" in message
            assert "goes on" not in message
            ballast.unlink()


@pytest.mark.parametrize("command", ["test", "predict", "validate"])
@pytest.mark.parametrize("free_bytes", [0, 12_000])
def test_evaluations_end_with_one_line_where_the_disk_is_full(tmp_path: Path, command: str, free_bytes: int) -> None:
    with small_disk(tmp_path / "disk", mebibytes=4) as disk:
        run = trained("run", SMALL, runs=str(disk / "runs"))
        ballast = fill(disk, free_bytes)
        words = [command, "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"]
        evaluation = Training(words, Path("evaluation.txt"))
        if command == "validate" and free_bytes:
            assert evaluation.wait() == 0, evaluation.printed()  # It writes no more than its config.
        else:
            assert "No space left on device" in refusal(evaluation)
        ballast.unlink()
        assert Training(words, Path("again.txt")).wait() == 0
        assert run_of("run", str(disk / "runs")) == run
