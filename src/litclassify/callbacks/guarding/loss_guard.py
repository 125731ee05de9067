"""What becomes of a training whose loss is not finite."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor
from torch.optim import Optimizer

from litclassify.callbacks.guarding.bad_loss import BadLoss, advice, images_of_batch, newest_checkpoint, not_finite
from litclassify.callbacks.guarding.loss_spikes import LATEST, SpikeDetector
from litclassify.callbacks.guarding.undone_step import (
    ForwardState,
    check_can_undo,
    drop_gradients,
    roll_back,
    spoil_for_scaler,
)
from litclassify.errors import UserError
from litclassify.lightning_state import logs_now, steps_taken

# What only a training needs that goes on: `stop` is spared these calls at every step.
HOOKS_TO_GO_ON = ("on_train_batch_start", "on_before_backward", "on_after_backward", "on_before_optimizer_step")


class LossGuard(Callback):
    """Stops a training whose loss is not finite, or lets it go on without that batch; warns of losses that jump up.

    The policy `stop` waits for no device: on a CPU it looks at each loss, otherwise when the Trainer logs, before
    validations and before a checkpoint is written, so that none holds what came after such a loss. The others have to
    know each loss before the optimizer takes its step, and make training on a GPU slower.

    With several processes, a loss of any of them counts for all.

    Args:
        policy: `stop` ends the training. `skip` leaves out the step of the optimizer: the batch changes no weights, no
            statistics of batch normalisation and no training metrics; with `accumulate_grad_batches`, the others of
            that step do not change weights either. `roll_back` does so, too, and takes weights and the state of the
            optimizer from the newest checkpoint of the run; learning rate and schedule go on.
        limit: How many batches are left out, or how often training goes back, at least 1; one more stops it.
        warn_of_spikes: Whether to warn where losses are far above those of the last 128 steps, once in as many.
    """

    def __init__(
        self, policy: Literal["stop", "skip", "roll_back"] = "stop", limit: int = 10, warn_of_spikes: bool = True
    ) -> None:
        if limit < 1:
            raise UserError(f"LossGuard.limit must be at least 1, got {limit}. To leave out none: policy stop.")
        self.policy = policy
        self.limit = limit
        self.warn_of_spikes = warn_of_spikes
        if policy == "stop":
            for hook in HOOKS_TO_GO_ON:
                setattr(self, hook, None)  # Lightning passes over a hook that is not a function.
        self._begin()

    def _begin(self) -> None:
        self.left_out: list[BadLoss] = []
        self._unseen: list[tuple[Tensor, int, int]] = []
        self._spikes = SpikeDetector()
        self._batch_is_bad = self._step_is_bad = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a policy that could not be kept.

        Raises:
            UserError: Weights are sharded, or there is nothing to roll back to.
        """
        if stage == "fit" and self.policy != "stop":
            check_can_undo(trainer, self.policy)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse to train weights that are spoiled already.

        Raises:
            UserError: A weight is not finite.
        """
        self._begin()
        names = not_finite(pl_module.state_dict().items())
        if names:
            origin = trainer.ckpt_path or pl_module.hparams.get("init_from")
            whose = f"They come from '{origin}': take an earlier checkpoint." if origin else "model.network gives them."
            raise UserError(f"The weights are not finite before the first step: {names}.\n{whose}")
        # On a CPU a loss is known at once; several processes would have to ask each other.
        self._at_once = pl_module.device.type == "cpu" and trainer.world_size == 1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss, or keep it until it is time to."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else None
        if self._batch_is_bad:
            self._take_back(trainer, pl_module)
        elif loss is not None:
            step = steps_taken(trainer)
            if self._at_once:
                self._examine(trainer, loss.item(), batch_idx, step)
                return
            self._unseen.append((loss, batch_idx, step))
            if trainer.is_last_batch or logs_now(trainer):
                self._look(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not evaluate spoiled weights."""
        self._look(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Do not let spoiled weights become a checkpoint."""
        self.refuse_spoiled_weights(trainer, pl_module)

    def refuse_spoiled_weights(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the losses that came since the last time, and at the weights.

        Raises:
            UserError: One is not finite.
        """
        self._look(trainer)
        names = not_finite(pl_module.state_dict().items())
        if names:
            raise self._end(trainer, f"Training stopped: weights are not finite any more, though the loss is: {names}.")

    def _look(self, trainer: Trainer) -> None:
        """Look at the losses that came since the last time; all processes do so after the same steps."""
        if not self._unseen:
            return
        tensors, batches, steps = zip(*self._unseen, strict=True)
        self._unseen = []
        losses: list[float] = torch.stack(tensors).tolist()  # Waits for the device once.
        first = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
        rank, first = _first_of_all(trainer, first)
        if first < len(losses):
            raise self._stopped(trainer, self._describe(trainer, losses[first], batches[first], steps[first], rank))
        for loss, batch, step in zip(losses, batches, steps, strict=True):
            self._examine(trainer, loss, batch, step)

    def _examine(self, trainer: Trainer, loss: float, batch: int, step: int) -> None:
        if not math.isfinite(loss):
            raise self._stopped(trainer, self._describe(trainer, loss, batch, step))
        if not self.warn_of_spikes:
            return
        spike = self._spikes.add(loss * trainer.accumulate_grad_batches)  # By which Lightning has divided it.
        if spike is not None:
            rank_zero_warn(
                f"The training loss has jumped: over the last {LATEST} steps, up to step {step} (epoch "
                f"{trainer.current_epoch}, batch {batch}), its median is {spike[0]:.4g}, and before that its mean was "
                f"{spike[1]:.4g}."
            )

    def _describe(self, trainer: Trainer, loss: float, batch: int, step: int, rank: int = 0) -> BadLoss:
        """Describe a loss of the process `rank`, which alone knows its images, to all of them."""
        bad = BadLoss(loss, step, trainer.current_epoch, batch, images_of_batch(trainer, batch))
        return trainer.strategy.broadcast(bad, src=rank)

    def _stopped(self, trainer: Trainer, bad: BadLoss) -> UserError | SystemExit:
        return self._end(trainer, f"Training stopped: {bad}.")

    def _end(self, trainer: Trainer, text: str) -> UserError | SystemExit:
        """Give what ends all processes, of which the first one says why."""
        for callback in trainer.checkpoint_callbacks:
            callback.save_on_exception = False  # type: ignore[attr-defined] # The weights may be spoiled.
        return UserError("\n".join((text, *advice(trainer)))) if trainer.is_global_zero else SystemExit(2)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keep what the forward pass changes."""
        self._before = ForwardState(pl_module)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Leave out the step of the optimizer, if the loss is not finite.

        Raises:
            UserError: As too many before it, or because of the weights.
        """
        value = loss.item()
        rank, is_finite = _first_of_all(trainer, int(math.isfinite(value)))
        if is_finite:
            return
        batch_idx = trainer.fit_loop.epoch_loop.batch_idx
        bad = self._describe(trainer, value, batch_idx, steps_taken(trainer), rank)
        if len(self.left_out) == self.limit:
            raise self._end(trainer, f"Training stopped after {self.limit} batches that were left out: {bad}.")
        names = not_finite(pl_module.named_parameters()) if self.policy == "skip" else ""
        if names:
            raise self._end(trainer, f"Training stopped: {bad}.\nAn earlier step has spoiled the weights: {names}.")
        self.left_out.append(bad)
        self._batch_is_bad = self._step_is_bad = True
        rank_zero_warn(f"Left out ({len(self.left_out)} of at most {self.limit}): {bad}.")

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Spoil the step for the scaler of 16-bit gradients, if there is one."""
        if self._step_is_bad:
            spoil_for_scaler(trainer, pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Take the gradients away."""
        if self._step_is_bad:
            drop_gradients(trainer, optimizer)
        self._step_is_bad = False

    def _take_back(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batch_is_bad = False
        self._before.put_back(pl_module)
        if self.policy == "skip":
            return
        path: Path | None = trainer.strategy.broadcast(newest_checkpoint(trainer))
        if path is None:
            raise self._end(trainer, f"Training stopped: {self.left_out[-1]}; there is nothing to roll back to.")
        roll_back(trainer, pl_module, path)
        rank_zero_info(f"Rolled back to {path}.")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say how many batches were left out."""
        if self.left_out:
            rank_zero_info(f"LossGuard left out {len(self.left_out)} batches whose loss was not finite.")


def _first_of_all(trainer: Trainer, own: int) -> tuple[int, int]:
    """Give the process with the least number, and that number."""
    if trainer.world_size == 1:
        return 0, own
    numbers = trainer.strategy.all_gather(torch.tensor(own, device=trainer.strategy.root_device))
    return int(numbers.argmin()), int(numbers.min())
