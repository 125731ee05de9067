"""A run whose files go, or can no longer be written to, while it trains."""

import shutil
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.disks import read_only
from tests.chaos.processes import Training
from tests.chaos.trainings import has_checkpoint, refusal, run_of, train, trained
from tests.conftest import SMALL

WORDS = [*SMALL, "--data.batch_size", "32", "--trainer.log_every_n_steps", "1"]
ENDLESS = [*WORDS, "--trainer.max_epochs", "5000", "--early_stopping", "null"]

pytestmark = pytest.mark.slow


@pytest.fixture
def training() -> Training:
    """One that has written a checkpoint, and would go on for long."""
    training = train("run", ENDLESS)
    training.wait_until(lambda: has_checkpoint("run"))
    return training


def test_a_run_that_is_deleted_ends_with_one_line(training: Training) -> None:
    run = run_of("run")
    run.rename("deleted")
    shutil.rmtree("deleted")
    message = refusal(training)
    assert message == f"error: '{run}' is gone: it was deleted or moved while the command ran."
    assert not run.exists()


def test_a_folder_of_checkpoints_that_is_deleted_is_made_anew(training: Training) -> None:
    shutil.rmtree(run_of("run") / "checkpoints", ignore_errors=True)  # It may write one meanwhile.
    training.wait_until(lambda: has_checkpoint("run"))
    assert training.kill()
    assert Training(["test", "--ckpt_path", f"{run_of('run')}/last"], Path("test.txt")).wait() == 0


@pytest.mark.mounts
@pytest.mark.parametrize("folder", [".", "checkpoints"])
def test_a_folder_that_becomes_read_only_ends_the_training_with_one_line(training: Training, folder: str) -> None:
    run = run_of("run")
    with read_only(run / folder):
        message = refusal(training)
    assert "Read-only file system" in message
    assert str(run) in message
    assert Training(["test", "--ckpt_path", f"{run}/last"], Path("test.txt")).wait() == 0


def test_one_of_the_best_checkpoints_that_is_deleted_meanwhile_is_not_missed() -> None:
    words = [*WORDS, "--trainer.max_epochs", "8", "--checkpoint.save_top_k", "3"]
    whole = trained("whole", words)
    training = train("robbed", words)
    training.wait_until(lambda: any(Path("runs").glob("robbed/*/checkpoints/epoch*.ckpt")))
    for file in run_of("robbed").glob("checkpoints/epoch*.ckpt"):
        file.unlink(missing_ok=True)
    assert training.wait() == 0, training.printed()
    assert differences(whole, run_of("robbed")) == []
