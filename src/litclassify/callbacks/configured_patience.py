"""The patience that the config says, also in a run that goes on."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping


class ConfiguredPatience(Callback):
    """Let a resumed run stop by the patience it is given: Lightning restores that of the checkpoint.

    Args:
        early_stopping: The callback, as configured.
    """

    def __init__(self, early_stopping: EarlyStopping) -> None:
        self.early_stopping = early_stopping
        self.patience = early_stopping.patience

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the patience back, after the states of callbacks have been restored."""
        self.early_stopping.patience = self.patience
