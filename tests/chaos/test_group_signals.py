"""A signal to all processes of a training, as a scheduler or a terminal sends it."""

import os
import signal

import pytest
from tests.chaos.comparison import differences
from tests.chaos.recipes import RECIPES
from tests.chaos.trainings import has_checkpoint, run_of, train, trained

WORDS = [*RECIPES["augmentation in workers, batch mixing, EMA"], "--trainer.max_epochs", "12"]

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.mark.slow
@pytest.mark.usefixtures("class_folders")
def test_a_training_with_workers_saves_and_goes_on_as_if_it_had_not_been_stopped() -> None:
    """The workers get the signal, too, and bring the step that runs its batch."""
    whole = trained("whole", WORDS)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        name = number.name.lower()
        training = train(name, WORDS, prepare=os.setpgrp)
        training.wait_until(lambda name=name: has_checkpoint(name))
        os.killpg(training.pid, number)
        assert training.wait() == 128 + number, training.printed()
        assert f"Stopped by {number.name}" in training.printed()
        assert "Traceback" not in training.printed()
        resumed = train(name, WORDS)
        assert resumed.wait() == 0, resumed.printed()
        assert "going on with" in resumed.printed()
        assert differences(whole, run_of(name)) == []
