"""How weights and gradients are distributed, epoch by epoch."""

from lightning.fabric.plugins.precision.amp import _optimizer_handles_unscaling
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from litclassify.callbacks.parameter_names import short_name
from litclassify.callbacks.sharding import is_sharded
from litclassify.callbacks.tensorboard.writers import tensorboard_writers
from litclassify.errors import UserError


class WeightHistograms(Callback):
    """Shows in TensorBoard, for each parameter, its weights after an epoch and the gradient of the epoch's last step.

    Tags are `weights/…` and `gradients/…`. Gradients are those before clipping, and without the factor by which
    `16-mixed` scales them; a parameter without one, such as one that is frozen, has none. What is not a number or
    infinite is left out.

    Args:
        every_n_epochs: After which epochs, at least 1.
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        if every_n_epochs < 1:
            raise UserError(f"WeightHistograms.every_n_epochs must be at least 1, got {every_n_epochs}.")
        self.every_n_epochs = every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse weights of which a process has a part.

        Raises:
            UserError: They are divided.
        """
        if is_sharded(trainer):
            name = type(trainer.strategy).__name__
            raise UserError(
                f"WeightHistograms needs all weights in one process, and {name} divides them: leave it out."
            )

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Write the gradients of the last step: after it, they are cleared."""
        if trainer.is_last_batch and self._is_due(trainer):
            scale = _gradient_scale(trainer, optimizer)
            for name, parameter in pl_module.named_parameters():
                if parameter.grad is not None:
                    _show(trainer, f"gradients/{short_name(name)}", parameter.grad / scale)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the weights."""
        if self._is_due(trainer):
            for name, parameter in pl_module.named_parameters():
                _show(trainer, f"weights/{short_name(name)}", parameter.detach())

    def _is_due(self, trainer: Trainer) -> bool:
        return trainer.is_global_zero and (trainer.current_epoch + 1) % self.every_n_epochs == 0


def _gradient_scale(trainer: Trainer, optimizer: Optimizer) -> float:
    """Give what gradients are still multiplied by: `16-mixed` leaves it to fused optimizers to divide by it."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    return float(scaler.get_scale()) if scaler is not None and _optimizer_handles_unscaling(optimizer) else 1.0


def _show(trainer: Trainer, tag: str, values: Tensor) -> None:
    finite = values[values.isfinite()].float().cpu()
    for writer in tensorboard_writers(trainer) if len(finite) else ():
        writer.add_histogram(tag, finite, trainer.global_step)
