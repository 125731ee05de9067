"""How large gradients are, and when they explode."""

import math
import time

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch.optim import Optimizer

from litclassify.callbacks.guarding.loss_spikes import LATEST, SpikeDetector
from litclassify.callbacks.tensorboard.writers import tensorboard_writers
from litclassify.lightning_state import logs_now, steps_taken

# A norm takes 4% of the step of a small network, in CPU time.
MIN_INTERVAL_S = 1.0


class GradientNorm(Callback):
    """Logs `grad_norm`, that of all gradients before they are clipped, when the Trainer logs, once a second at most.

    It warns of one that is not finite, as that step spoils the weights, and, once 69 norms were logged, of gradients
    that explode: where the median of the latest 5 is as far above the ones before as `SpikeDetector` says. Under
    `16-mixed` it does nothing: gradients are scaled there, and steps with infinite ones are left out.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._next_s = math.inf if trainer.precision == "16-mixed" else 0.0
        self._spikes = SpikeDetector()

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Measure, if it is time to."""
        now_s = time.perf_counter()
        if now_s < self._next_s or not logs_now(trainer):
            return
        self._next_s = now_s + MIN_INTERVAL_S
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        if gradients:
            norm = torch.nn.utils.get_total_norm(gradients).item()
            step = steps_taken(trainer)
            # Into TensorBoard alone, as it goes by the clock.
            for writer in tensorboard_writers(trainer):
                writer.add_scalar("grad_norm", norm, step)
            self._judge(norm, step)

    def _judge(self, norm: float, step: int) -> None:
        if not math.isfinite(norm):
            rank_zero_warn(f"The norm of the gradients is {norm} at step {step}: the step spoils the weights.")
            return
        explosion = self._spikes.add(norm)
        if explosion is not None:
            rank_zero_warn(
                f"Gradients explode: of the last {LATEST} norms that were logged, up to step {step}, the median is "
                f"{explosion[0]:.4g}, and before that their mean was {explosion[1]:.4g}. --trainer.gradient_clip_val "
                "limits them."
            )
