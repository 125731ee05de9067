"""An exception at any place of a training, and a process of the loader that is killed."""

import os
import signal
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.processes import Training
from tests.chaos.recipes import FOLDER, QUIET
from tests.chaos.trainings import has_checkpoint, refusal, run_of, train, trained
from tests.conftest import SMALL

from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.cli.trainer.ended_workers import WorkerEnd

WORDS = [
    *SMALL,
    "--trainer.max_epochs",
    "4",
    "--trainer.log_every_n_steps",
    "1",
    "--checkpoint.every_n_train_steps",
    "3",
]
# The call at which each hook raises, when training has written a checkpoint.
CALLS = {
    **dict.fromkeys(("on_train_batch_start", "on_train_batch_end"), 12),
    **dict.fromkeys(("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step"), 12),
    **dict.fromkeys(("on_train_epoch_start", "on_train_epoch_end", "on_save_checkpoint"), 3),
    **dict.fromkeys(("on_validation_start", "on_validation_end"), 3),
    **dict.fromkeys(("on_validation_epoch_start", "on_validation_epoch_end"), 3),
    **dict.fromkeys(("on_validation_batch_start", "on_validation_batch_end"), 3),
    **dict.fromkeys(("on_train_end", "on_fit_end", "teardown"), 1),
}
# These raise before there is one.
EARLY = ["setup", "on_fit_start", "on_sanity_check_start", "on_sanity_check_end", "on_train_start"]
RAISING = '''
import os
from lightning.pytorch import Callback

class Raising(Callback):
    """Raises at a call of a hook, if this process is to."""

hook, call = os.environ.get("RAISE_AT", ":0").split(":")
calls = 0

def raise_at_call(self, *args, **kwargs):
    global calls
    calls += 1
    if calls == int(call):
        raise RuntimeError("a bug in a callback")
    return getattr(Callback, hook)(self, *args, **kwargs)

if hook:
    setattr(Raising, hook, raise_at_call)
'''
WITH_CALLBACK = ["--allow_import", "raising", "--trainer.callbacks+=raising.Raising"]


@pytest.fixture
def _callback(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("raising.py").write_text(RAISING)
    monkeypatch.syspath_prepend(str(Path.cwd()))


def raise_at(hook: str, call: int) -> None:
    os.environ["RAISE_AT"] = f"{hook}:{call}"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("_callback")
def test_after_an_exception_in_any_hook_the_training_goes_on_exactly() -> None:
    words = [*WORDS, *WITH_CALLBACK]
    whole = trained("whole", words)
    for hook in [*CALLS, *EARLY]:
        failed = train(hook, words, lambda hook=hook: raise_at(hook, CALLS.get(hook, 1)))
        code = failed.wait()
        assert code == 1, f"{hook}: {failed.printed()}"
        assert "RuntimeError: a bug in a callback" in failed.printed()
        assert "Traceback" in failed.printed()
        assert has_checkpoint(hook) == (hook in CALLS), hook
        if hook in CALLS:
            (run,) = Path("runs", hook).iterdir()
            assert resolve_checkpoint(f"{run}/last", Path("runs")) == run / "checkpoints" / "last.ckpt"
            assert differences(whole, trained(hook, words)) == [], hook


def workers_of(pid: int) -> list[int]:
    """Give the processes that a process has started to load images."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


@pytest.mark.slow
@pytest.mark.usefixtures("class_folders")
def test_after_a_worker_was_killed_the_training_goes_on_exactly() -> None:
    words = [*FOLDER, *QUIET, "--data.batch_size", "2", "--data.num_workers", "2", "--trainer.max_epochs", "8"]
    words += ["--model.network", "LeNet", "--model.network.in_channels", "3", "--model.optimizer", "SGD"]
    words += ["--model.optimizer.lr", "0.02", "--checkpoint.every_n_train_steps", "3"]
    whole = trained("whole", words)
    robbed = train("robbed", words)
    robbed.wait_until(lambda: has_checkpoint("robbed") and bool(workers_of(robbed.pid)))
    os.kill(workers_of(robbed.pid)[0], signal.SIGKILL)
    message = refusal(robbed)
    # Which of them is a matter of chance: what torch finds out first.
    assert any(end.value in message for end in WorkerEnd)
    assert "data.num_workers is 2" in message
    assert differences(whole, trained("robbed", words)) == []
    assert Training(["test", "--ckpt_path", f"{run_of('robbed')}"], Path("test.txt")).wait() == 0
