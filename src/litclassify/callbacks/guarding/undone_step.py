"""A training step whose loss was not finite, undone."""

import math
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from torch.optim import Optimizer

from litclassify.callbacks.averaging.weight_average import AVERAGING, WeightAverage
from litclassify.callbacks.sharding import is_sharded
from litclassify.errors import UserError
from litclassify.files.safe_loading import load_safely
from litclassify.models import ImageClassifier


class ForwardState:
    """What the forward pass of a batch changes: statistics of batch normalisation, and sums of training metrics.

    Args:
        pl_module: Before the pass.
    """

    def __init__(self, pl_module: LightningModule) -> None:
        self._buffers = [buffer.clone() for buffer in pl_module.buffers()]
        self._sums = pl_module.train_metrics.sums() if isinstance(pl_module, ImageClassifier) else {}

    def put_back(self, pl_module: LightningModule) -> None:
        """Undo the pass, after the backward pass that needs what it has left."""
        for buffer, before in zip(pl_module.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        if isinstance(pl_module, ImageClassifier):
            pl_module.train_metrics.go_on_from(self._sums, pl_module.device)


def spoil_for_scaler(trainer: Trainer, pl_module: LightningModule) -> None:
    """Let the scaler of 16-bit gradients, if there is one, leave out the step: it needs gradients to go by."""
    if _scales_gradients(trainer):
        for parameter in pl_module.parameters():
            if parameter.grad is not None:
                parameter.grad.fill_(math.inf)


def drop_gradients(trainer: Trainer, optimizer: Optimizer) -> None:
    """Take the gradients away: without them, an optimizer changes neither weights nor its own state."""
    if not _scales_gradients(trainer):
        optimizer.zero_grad(set_to_none=True)


def _scales_gradients(trainer: Trainer) -> bool:
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def roll_back(trainer: Trainer, pl_module: LightningModule, path: Path) -> None:
    """Take weights and the state of optimizers from a checkpoint; learning rates go on with their schedule.

    Raises:
        UserError: It cannot be loaded.
    """
    checkpoint = load_safely(path, f"'{path}' cannot be rolled back to")
    trainer.strategy.load_model_state_dict(checkpoint, strict=pl_module.strict_loading)
    for optimizer, state in zip(trainer.optimizers, checkpoint["optimizer_states"], strict=True):
        optimizer.load_state_dict({**state, "param_groups": optimizer.state_dict()["param_groups"]})


def check_can_undo(trainer: Trainer, policy: str) -> None:
    """Refuse a policy that could not be kept.

    Raises:
        UserError: Weights are sharded, or there is nothing to roll back to.
    """
    if is_sharded(trainer):
        raise UserError(
            f"LossGuard.policy {policy} needs all weights in each process, and trainer.strategy shards them: take stop."
        )
    if policy == "skip":
        return
    if not trainer.checkpoint_callbacks:
        raise UserError("LossGuard.policy roll_back needs checkpoints, and this run keeps none: take skip.")
    if any(getattr(callback, "save_weights_only", False) for callback in trainer.checkpoint_callbacks):
        raise UserError(
            "LossGuard.policy roll_back takes back the state of the optimizer, too, which checkpoint.save_weights_only "
            "leaves out: take skip."
        )
    callbacks = trainer.callbacks  # type: ignore[attr-defined] # set by Lightning's callback connector
    average = next((other for other in callbacks if isinstance(other, (WeightAverage, *AVERAGING))), None)
    if average is not None:
        raise UserError(
            f"LossGuard.policy roll_back cannot take back what {type(average).__name__} has averaged: take skip."
        )
