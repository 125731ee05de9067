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

WORDS = [
    *SMALL,
    "--trainer.max_epochs",
    "4",
    "--trainer.log_every_n_steps",
    "1",
    "--checkpoint.every_n_train_steps",
    "3",
]
BATCH_HOOKS = [
    *("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward", "on_after_backward"),
    *("on_before_optimizer_step", "on_validation_batch_start", "on_validation_batch_end"),
]
HOOKS = [
    *("setup", "teardown", "on_fit_start", "on_fit_end", "on_sanity_check_start", "on_sanity_check_end"),
    *("on_train_start", "on_train_end", "on_train_epoch_start", "on_train_epoch_end", *BATCH_HOOKS),
    *("on_validation_start", "on_validation_end", "on_validation_epoch_start", "on_validation_epoch_end"),
    *("on_save_checkpoint", "state_dict"),
]
# At the call so many, the run has checkpoints, if the hook is called as often.
CALLS = {"on_train_batch_start": 12, "on_validation_batch_end": 3}
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
    with_checkpoint = 0
    for hook in HOOKS:
        call = 12 if hook in BATCH_HOOKS[:6] else 3 if hook.startswith(("on_train_epoch", "on_val", "on_save")) else 1
        failed = train(hook, words, lambda hook=hook, call=call: raise_at(hook, call))
        code = failed.wait()
        assert code == 1, f"{hook}: {failed.printed()}"
        assert "RuntimeError: a bug in a callback" in failed.printed()
        assert "Traceback" in failed.printed()
        (run,) = Path("runs", hook).iterdir()
        if has_checkpoint(hook):
            with_checkpoint += 1
            assert resolve_checkpoint(f"{run}/last", Path("runs")) == run / "checkpoints" / "last.ckpt"
            assert differences(whole, trained(hook, words)) == [], hook
    assert with_checkpoint >= len(BATCH_HOOKS)


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
    assert "The machine has not enough memory" in message
    assert "data.num_workers is 2" in message
    assert differences(whole, trained("robbed", words)) == []
    assert Training(["test", "--ckpt_path", f"{run_of('robbed')}"], Path("test.txt")).wait() == 0
