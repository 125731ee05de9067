"""Charts that show training and validation together."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from litclassify.callbacks.tensorboard.writers import tensorboard_writers

# TensorBoard groups scalars by what stands before a slash, which the settled names of the metrics lack.
LAYOUT = {
    "Training and validation": {
        "loss": ["Multiline", ["^train_loss$", "^val_loss$"]],
        "accuracy": ["Multiline", ["^train_acc$", "^val_acc$"]],
    }
}


class CurveLayout(Callback):
    """Show loss and accuracy, each of training and validation in one chart, in TensorBoard's tab of custom scalars."""

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the layout once; TensorBoard draws it from the scalars of these names."""
        for writer in tensorboard_writers(trainer):
            writer.add_custom_scalars(LAYOUT)
