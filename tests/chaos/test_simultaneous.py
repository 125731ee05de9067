"""Several commands on one run at the same time."""

from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.processes import Training
from tests.chaos.trainings import has_checkpoint, refusal, run_of, train, trained
from tests.conftest import SMALL

LAUNCHES = 20
WORDS = [*SMALL, "--trainer.log_every_n_steps", "1"]

pytestmark = pytest.mark.slow


def test_a_run_that_trains_is_not_gone_on_with_by_another_command() -> None:
    training = train("run", [*WORDS, "--trainer.max_epochs", "5000", "--early_stopping", "null"])
    training.wait_until(lambda: has_checkpoint("run"))
    run = run_of("run")
    second = Training(["fit", *WORDS, "--ckpt_path", f"{run}/last"], Path("second.txt"))
    assert f"Another process trains in '{run}'" in refusal(second)
    assert training.code() is None, training.printed()
    assert training.kill()


@pytest.mark.timeout(900)
def test_of_twenty_that_resume_at_the_same_time_one_goes_on_and_the_others_train_by_themselves() -> None:
    words = [*WORDS, "--trainer.max_epochs", "4"]
    whole = trained("whole", words)
    killed = train("run", words)
    killed.wait_until(lambda: has_checkpoint("run"))
    assert killed.kill()
    interrupted = run_of("run")

    together = ["fit", *words, "--run_name", "run", "--resume", "auto"]
    launches = [Training(together, Path(f"{i}.txt")) for i in range(LAUNCHES)]
    codes = [launch.wait() for launch in launches]
    assert codes == [0] * LAUNCHES, [launch.printed() for launch in launches if launch.code]
    went_on = [f"going on with '{interrupted}'" in launch.printed() for launch in launches]
    assert went_on.count(True) == 1
    runs = list(Path("runs/run").iterdir())
    assert len(runs) == LAUNCHES
    assert [differences(whole, run) for run in runs] == [[]] * LAUNCHES
