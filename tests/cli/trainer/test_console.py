"""What a user sees of warnings and of messages of Lightning."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from lightning import Trainer, seed_everything
from lightning.pytorch.utilities import rank_zero_info

from litclassify.cli.trainer.console import quiet_lightning, quiet_trials


def shown(message: str, category: type[Warning]) -> str:
    with quiet_lightning():
        return warnings.formatwarning(message, category, "module.py", 7, line="the_line = of_code()")


def test_a_warning_to_the_user_is_its_text() -> None:
    assert shown("data.val_split has no effect.", UserWarning) == "warning: data.val_split has no effect.\n"


def test_a_warning_to_developers_names_the_line() -> None:
    assert shown("old", DeprecationWarning) == "module.py:7: DeprecationWarning: old\n  the_line = of_code()\n"


def test_so_does_every_warning_while_a_mistake_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_DEBUG", "1")
    assert shown("text", UserWarning).startswith("module.py:7: UserWarning: text\n")


def test_warnings_look_as_before_afterwards() -> None:
    before = warnings.formatwarning
    with quiet_lightning():
        assert warnings.formatwarning is not before
    assert warnings.formatwarning is before


def test_short_trainings_tell_only_what_the_run_would_not(caplog: pytest.LogCaptureFixture) -> None:
    def start() -> None:
        seed_everything(0)
        Trainer(accelerator="cpu", logger=False, limit_train_batches=1.0)
        rank_zero_info("Decoding 3 images")

    with quiet_lightning(), quiet_trials():
        start()
    assert caplog.messages == ["Decoding 3 images"]
    start()
    assert {"Seed set to 0", "GPU available: False, used: False"} <= set(caplog.messages[1:])


@pytest.mark.filterwarnings("error:The number of training batches")
def test_fewer_batches_than_the_default_interval_of_logs_are_no_warning(fit: Callable[..., Path]) -> None:
    fit("--trainer.max_epochs", "1")
    with pytest.raises(UserWarning, match=r"log_every_n_steps=20"):
        fit("--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "20")
