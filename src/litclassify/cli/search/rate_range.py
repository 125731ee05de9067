"""A training at ever higher learning rates."""

import math
from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.optim.rate_range import smoothed

# Times the lowest smoothed loss: beyond that, the training has diverged. The same as fastai's.
DIVERGED = 4


class RateRange(Callback):
    """Takes one step at each learning rate, records its loss, and ends the training; before, if the loss diverges.

    Source: https://arxiv.org/abs/1506.01186, section 3.3.

    Args:
        rates: What to try, in order.
        reference: The optimizer's own learning rate. Of groups with others, the ratio stays.
    """

    def __init__(self, rates: Sequence[float], reference: float) -> None:
        self.rates = rates
        self.reference = reference
        self.losses: list[float] = []
        self._of_step: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the rates of all groups."""
        self._initial = [group["lr"] for group in trainer.optimizers[0].param_groups]

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set the rates of the step that this batch belongs to."""
        factor = self.rates[trainer.global_step] / self.reference
        for group, initial in zip(trainer.optimizers[0].param_groups, self._initial, strict=True):
            group["lr"] = initial * factor

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the loss, and stop where it has diverged, or after the last rate."""
        # Lightning has divided it by the number of batches of a step.
        self._of_step.append(outputs["loss"].item() * trainer.accumulate_grad_batches)
        if trainer.global_step == len(self.losses):
            return
        self.losses.append(sum(self._of_step) / len(self._of_step))
        self._of_step.clear()
        averages = smoothed(self.losses)
        diverged = not averages[-1] <= DIVERGED * min(averages) or not math.isfinite(averages[-1])
        trainer.should_stop = diverged or len(self.losses) == len(self.rates)
