from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn

from litclassify.callbacks import MonitorCheck
from litclassify.errors import UserError

LOGGED = dict.fromkeys(("val_acc", "val_loss", "lr-SGD"))
MODULE: Any = SimpleNamespace(train_metrics={"train_loss": None})


def trainer(*callbacks: Callback, fn: TrainerFn = TrainerFn.FITTING) -> Any:
    return SimpleNamespace(
        callbacks=callbacks,
        callback_metrics=LOGGED,
        lr_scheduler_configs=[],
        num_val_batches=[1],
        state=SimpleNamespace(fn=fn),
    )


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping("val_acc"),
        EarlyStopping("train_loss"),
        EarlyStopping("val_f1", strict=False),
        ModelCheckpoint(monitor="lr-SGD"),
        ModelCheckpoint(),
        ModelCheckpoint(monitor="val_f1", save_top_k=0),
    ],
)
def test_what_is_logged_may_be_monitored(callback: Callback) -> None:
    MonitorCheck().on_validation_end(trainer(callback), MODULE)
    MonitorCheck().on_train_epoch_end(trainer(callback), MODULE)


def test_other_metrics_than_those_of_validation_are_checked_after_the_first_epoch() -> None:
    run = trainer(ModelCheckpoint(monitor="loss"))
    MonitorCheck().on_validation_end(run, MODULE)
    with pytest.raises(UserError, match=r"checkpoint\.monitor is 'loss', .* Did you mean 'val_loss'\?"):
        MonitorCheck().on_train_epoch_end(run, MODULE)


def test_epochs_without_validation_pass() -> None:
    MonitorCheck().on_train_epoch_end(trainer(EarlyStopping("val_f1")), MODULE)


def test_evaluation_goes_by_no_metric() -> None:
    MonitorCheck().on_validation_end(trainer(EarlyStopping("val_f1"), fn=TrainerFn.VALIDATING), MODULE)
