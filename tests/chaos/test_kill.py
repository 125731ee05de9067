"""A training that is killed at any moment and resumed ends as one that was not, to the last bit."""

import random
import shutil
import time
from pathlib import Path

import pytest
import torch
from tests.chaos.comparison import differences
from tests.chaos.recipes import FOLDER, QUIET, RECIPES
from tests.chaos.trainings import has_checkpoint, run_of, seconds_of_training, train, trained
from tests.conftest import CONFIGS, SMALL

# Of each recipe: in all 56.
KILLS = 8

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def killed_and_resumed(name: str, words: list[str], after_s: float, then: list[str] | None = None) -> int:
    """Kill a training so long after its first checkpoint, and resume it; gives how often it was in time.

    Args:
        name: Of the run.
        words: Of the command.
        after_s: In seconds.
        then: Words to resume with; null takes the same.
    """
    training = train(name, words)
    training.wait_until(lambda: has_checkpoint(name))
    time.sleep(after_s)
    # Of the last moments, in which the run has finished and the process not, a kill takes nothing away.
    kills = int(training.kill() and not (run_of(name) / "finished").exists())
    resumed = train(name, then or words)
    assert resumed.wait() == 0, resumed.printed()
    assert kills == ("going on with" in resumed.printed()), f"{training.printed()}\n{resumed.printed()}"
    return kills


@pytest.fixture
def _material(class_folders: Path) -> None:
    shutil.copy(CONFIGS / "digits.yaml", "digits.yaml")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("_material")
@pytest.mark.parametrize("recipe", RECIPES)
def test_killed_training_ends_as_one_that_was_not(recipe: str) -> None:
    words = RECIPES[recipe]
    seconds = seconds_of_training("whole", words)
    chance = random.Random(recipe)
    kills = 0
    while kills < KILLS:
        name = f"killed_{kills}"
        if killed_and_resumed(name, words, chance.uniform(0, seconds)):
            assert differences(run_of("whole"), run_of(name)) == []
            kills += 1
        shutil.rmtree(Path("runs", name))


@pytest.mark.usefixtures("_material")
def test_a_killed_training_of_digits_ends_as_one_that_was_not() -> None:
    words = [*RECIPES["the recipe of digits"], "--trainer.max_epochs", "2"]
    assert killed_and_resumed("killed", words, after_s=0)
    assert differences(trained("whole", words), run_of("killed")) == []


@pytest.mark.slow
@pytest.mark.usefixtures("class_folders")
def test_with_another_number_of_workers_after_the_kill_the_end_is_the_same() -> None:
    words = [*FOLDER, *QUIET, "--data.batch_size", "2", "--data.train_transform", "rand_augment"]
    words += ["--model.network", "LeNet", "--model.network.in_channels", "3", "--model.optimizer", "SGD"]
    words += ["--model.optimizer.lr", "0.02", "--checkpoint.every_n_train_steps", "3", "--trainer.max_epochs", "6"]
    whole = trained("whole", [*words, "--data.num_workers", "0"])
    assert killed_and_resumed(
        "killed", [*words, "--data.num_workers", "0"], after_s=0, then=[*words, "--data.num_workers", "2"]
    )
    allowed = "num_workers"
    assert [name for name in differences(whole, run_of("killed")) if allowed not in name] == []


@pytest.mark.slow
def test_a_killed_training_stops_after_so_many_steps_in_all() -> None:
    words = [*SMALL, "--data.batch_size", "32", "--trainer.max_epochs", "-1", "--trainer.max_steps", "70"]
    words += ["--checkpoint.every_n_train_steps", "3", "--trainer.log_every_n_steps", "1"]
    whole = trained("whole", words)
    assert killed_and_resumed("killed", words, after_s=0)
    assert differences(whole, run_of("killed")) == []
    assert torch.load(whole / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 70


@pytest.mark.slow
@pytest.mark.usefixtures("_material")
def test_a_training_that_is_killed_five_times_ends_as_one_that_was_not() -> None:
    words = RECIPES["the recipe of digits"]
    whole = trained("whole", words)
    for _ in range(5):
        training = train("killed", words)
        before = newest_checkpoint("killed")
        training.wait_until(lambda before=before: newest_checkpoint("killed") > before)
        assert training.kill()
    assert trained("killed", words)
    assert differences(whole, run_of("killed")) == []


def newest_checkpoint(name: str) -> int:
    """Give the time of a run's newest checkpoint; 0 before the first."""
    files = Path("runs").glob(f"{name}/*/checkpoints/last.ckpt")
    return max((file.stat().st_mtime_ns for file in files), default=0)
