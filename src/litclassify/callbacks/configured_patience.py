"""The patience that the config says, also in a run that goes on."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason


class ConfiguredPatience(Callback):
    """Let a resumed run stop by the patience it is given: Lightning restores that of the checkpoint.

    A run that had stopped stays so, unless it is given more patience: Lightning would train until the next validation.

    Args:
        early_stopping: The callback, as configured.
    """

    def __init__(self, early_stopping: EarlyStopping) -> None:
        self.early_stopping = early_stopping
        self.patience = early_stopping.patience

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the patience back, after the states of callbacks have been restored."""
        stopping = self.early_stopping
        stopping.patience = self.patience
        waits_again = stopping.wait_count < self.patience
        if stopping.stopping_reason == EarlyStoppingReason.PATIENCE_EXHAUSTED and waits_again:
            stopping.stopping_reason = EarlyStoppingReason.NOT_STOPPED
        if stopping.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
            trainer.should_stop = True
