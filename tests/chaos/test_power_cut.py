"""A training whose machine loses its power ends, when it is resumed, as one that was not interrupted.

What a process has written is lost then, unless it has waited for the disk: here, a log has after the kill what it had
when the process last waited for it, and zeros in place of the rest.
"""

import os
import random
import shutil
import time
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.trainings import has_checkpoint, run_of, seconds_of_training, train, trained
from tests.conftest import SMALL

from litclassify.files.log_files import log_files

CUTS = 10
WORDS = [*SMALL, "--data.batch_size", "64", "--trainer.max_epochs", "4", "--trainer.log_every_n_steps", "1"]
WORDS += ["--checkpoint.every_n_train_steps", "7"]
ON_DISK = Path("on_disk")

pytestmark = pytest.mark.slow


def keep_what_is_on_the_disk() -> None:
    """Copy each log of a process at the time when it waits for the disk."""
    true_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        true_fsync(descriptor)
        file = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if file in map(Path.absolute, log_files(file.parent)):
            copy = ON_DISK / f".{file.name}"
            shutil.copy(file, copy)
            copy.replace(ON_DISK / file.name)

    os.fsync = fsync


def lose_power(run: Path) -> int:
    """Put zeros in place of what was not on the disk; gives how many bytes that are."""
    lost = 0
    for file in log_files(run):
        copy = ON_DISK / file.name
        content = copy.read_bytes() if copy.is_file() else b""
        lost += file.stat().st_size - len(content)
        file.write_bytes(content.ljust(file.stat().st_size, b"\0"))
    return lost


@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads the names of open files from /proc")
def test_what_was_not_on_the_disk_is_logged_again() -> None:
    seconds = seconds_of_training("whole", WORDS)
    chance = random.Random(0)
    cuts = lost = 0
    while cuts < CUTS:
        name = f"cut_{cuts}"
        ON_DISK.mkdir()
        training = train(name, WORDS, keep_what_is_on_the_disk)
        training.wait_until(lambda name=name: has_checkpoint(name))
        time.sleep(chance.uniform(0, seconds))
        if training.kill() and not (run_of(name) / "finished").exists():
            lost += lose_power(run_of(name))
            assert differences(run_of("whole"), trained(name, WORDS)) == []
            cuts += 1
        shutil.rmtree(ON_DISK)
        shutil.rmtree(Path("runs", name))
    assert lost > 0
