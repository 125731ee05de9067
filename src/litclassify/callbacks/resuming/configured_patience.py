"""Early stopping as the config says, also in a run that goes on or ends within an epoch."""

import math
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from litclassify.callbacks.resuming.metric_names import is_of_training_epoch, is_of_validation
from litclassify.callbacks.resuming.training_state import KEY as TRAINING_STATE
from litclassify.lightning_state import epoch_is_whole, validates_by_the_clock

MIN_DELTA = "early_stopping_min_delta"


class ConfiguredPatience(Callback):
    """Let a resumed run stop by the settings it is given: Lightning restores the patience of the checkpoint.

    A run that had stopped stays so, unless what it is given now lets it go on: more patience, another `min_delta`, a
    threshold that it has not reached, or none. Lightning would train until the next validation.

    Args:
        early_stopping: The callback, as configured, which is to come after this one.
    """

    def __init__(self, early_stopping: EarlyStopping) -> None:
        self.early_stopping = early_stopping
        self.patience = early_stopping.patience
        self._says_when = early_stopping._check_on_train_epoch_end is not None
        self._stopped_at = math.nan
        self._had_min_delta = early_stopping.min_delta

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let it judge a metric when there is one, which Lightning decides by when validations are alone.

        That is after each validation, before whose end `max_steps` may end an epoch, or when an epoch has ended. Of
        validations that go by the clock, Lightning's callback knows nothing, and would fail.
        """
        if self._says_when:
            return
        if is_of_training_epoch(self.early_stopping.monitor):
            self.early_stopping._check_on_train_epoch_end = True
        elif is_of_validation(self.early_stopping.monitor) or validates_by_the_clock(trainer):
            self.early_stopping._check_on_train_epoch_end = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let it pass over training metrics of a part of an epoch, which goes on when the training is resumed."""
        if not self._says_when and is_of_training_epoch(self.early_stopping.monitor):
            self.early_stopping._check_on_train_epoch_end = epoch_is_whole(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning's state lacks, in a place from which evaluations do not ask for it."""
        checkpoint[MIN_DELTA] = self.early_stopping.min_delta

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep by what the run may have stopped."""
        metrics = checkpoint.get(TRAINING_STATE, {}).get("metrics", {})
        self._stopped_at = metrics.get(self.early_stopping.monitor, math.nan)
        self._had_min_delta = checkpoint.get(MIN_DELTA, self.early_stopping.min_delta)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the patience back, after the states of callbacks have been restored."""
        self.early_stopping.patience = self.patience
        if self._still_stops():
            trainer.should_stop = True
        else:
            self.early_stopping.stopping_reason = EarlyStoppingReason.NOT_STOPPED

    def _still_stops(self) -> bool:
        stopping, reason = self.early_stopping, self.early_stopping.stopping_reason
        if reason == EarlyStoppingReason.PATIENCE_EXHAUSTED:
            return stopping.wait_count >= self.patience and stopping.min_delta == self._had_min_delta
        if reason == EarlyStoppingReason.STOPPING_THRESHOLD:
            return self._reached(stopping.stopping_threshold)
        if reason == EarlyStoppingReason.DIVERGENCE_THRESHOLD:
            return self._reached(stopping.divergence_threshold, sign=-1)
        return reason == EarlyStoppingReason.NON_FINITE_METRIC and stopping.check_finite

    def _reached(self, threshold: float | None, sign: int = 1) -> bool:
        """Whether the metric was beyond a threshold; where a checkpoint does not say, it was beyond any."""
        if threshold is None:
            return False
        value = torch.tensor(self._stopped_at)
        return bool(value.isnan() or self.early_stopping.monitor_op(sign * value, sign * threshold))
