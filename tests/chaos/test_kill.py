"""A training that is killed at any moment and resumed ends as one that was not, to the last bit."""

import random
import shutil
import time
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.processes import Training
from tests.chaos.recipes import RECIPES
from tests.conftest import CONFIGS

# Of each recipe: in all 56.
KILLS = 8


def train(name: str, words: list[str]) -> Training:
    return Training(["fit", *words, "--run_name", name, "--resume", "auto"], Path(f"{name}.txt"))


def run_of(name: str) -> Path:
    (run,) = Path("runs", name).iterdir()
    return run


def has_checkpoint(name: str) -> bool:
    return any(Path("runs").glob(f"{name}/*/checkpoints/last.ckpt"))


def seconds_of_training(name: str, words: list[str]) -> float:
    """Train without a stop, and give the time from the first checkpoint to the end."""
    training = train(name, words)
    training.wait_until(lambda: has_checkpoint(name))
    start = time.monotonic()
    assert training.wait() == 0, training.printed()
    return time.monotonic() - start


def killed_and_resumed(name: str, words: list[str], after_s: float) -> int:
    """Kill a training so long after its first checkpoint, and resume it; gives how often it was in time."""
    training = train(name, words)
    training.wait_until(lambda: has_checkpoint(name))
    time.sleep(after_s)
    kills = int(training.kill())
    resumed = train(name, words)
    assert resumed.wait() == 0, resumed.printed()
    assert kills == ("going on with" in resumed.printed())
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
