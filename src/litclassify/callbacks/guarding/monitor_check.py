"""Metrics that callbacks and schedules go by."""

from collections.abc import Iterator

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn

from litclassify.errors import UserError
from litclassify.suggestions import nearest, some_of


class MonitorCheck(Callback):
    """Refuse to monitor a metric that nothing logs.

    Validation metrics (`val_…`) are known when the sanity check has ended, or else the first validation; all others
    when the first epoch has. Lightning raises a RuntimeError after that epoch.

    Raises:
        UserError: A monitored metric is not there.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse validation metrics where nothing validates."""
        if sum(trainer.num_val_batches) > 0:
            return
        for key, name in _monitored(trainer):
            if name.startswith("val_") and key != "checkpoint.monitor":  # Without it, just the last one is kept.
                raise UserError(
                    f"{key} is '{name}', but there are no validation images: the data has none, or "
                    f"trainer.limit_val_batches is 0. Monitor train_loss, or set {key.rpartition('.')[0]} to null."
                )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the validation metrics."""
        if trainer.state.fn == TrainerFn.FITTING:
            _check(trainer, pl_module, validation=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the others: validation may not take place after every epoch."""
        _check(trainer, pl_module, validation=False)


def _check(trainer: Trainer, pl_module: LightningModule, validation: bool) -> None:
    logged = {*trainer.callback_metrics, *getattr(pl_module, "train_metrics", ())}
    for key, name in _monitored(trainer):
        if name not in logged and name.startswith("val_") == validation:
            raise UserError(
                f"{key} is '{name}', which is not logged.{nearest(name, logged)}\nThere are {some_of(sorted(logged))}."
            )


def _monitored(trainer: Trainer) -> Iterator[tuple[str, str]]:
    """Give the key and the name of each metric that must be there."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined] # set by Lightning's callback connector
        if isinstance(callback, EarlyStopping) and callback.strict:
            yield "early_stopping.monitor", callback.monitor
        elif isinstance(callback, ModelCheckpoint) and callback.monitor is not None and callback.save_top_k != 0:
            yield "checkpoint.monitor", callback.monitor
    for schedule in trainer.lr_scheduler_configs:
        if schedule.reduce_on_plateau and schedule.strict and schedule.monitor is not None:
            yield "model.lr_scheduler.monitor", schedule.monitor
