"""The patience that the config says, also in a run that goes on."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason


class ConfiguredPatience(Callback):
    """Let a resumed run stop by the patience it is given: Lightning restores that of the checkpoint.

    A run that had stopped stays so, unless it is given more patience, or is not to stop for that reason any more:
    Lightning would train until the next validation.

    Args:
        early_stopping: The callback, as configured.
    """

    def __init__(self, early_stopping: EarlyStopping) -> None:
        self.early_stopping = early_stopping
        self.patience = early_stopping.patience

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the patience back, after the states of callbacks have been restored."""
        self.early_stopping.patience = self.patience
        if self._still_stops():
            trainer.should_stop = True
        else:
            self.early_stopping.stopping_reason = EarlyStoppingReason.NOT_STOPPED

    def _still_stops(self) -> bool:
        stopping = self.early_stopping
        stops = {
            EarlyStoppingReason.PATIENCE_EXHAUSTED: stopping.wait_count >= self.patience,
            EarlyStoppingReason.STOPPING_THRESHOLD: stopping.stopping_threshold is not None,
            EarlyStoppingReason.DIVERGENCE_THRESHOLD: stopping.divergence_threshold is not None,
            EarlyStoppingReason.NON_FINITE_METRIC: stopping.check_finite,
        }
        return stops.get(stopping.stopping_reason, False)
