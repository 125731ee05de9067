"""How many images a second a training takes."""

import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

WARMUP_STEPS = 3


class Throughput(Callback):
    """Counts images and seconds once the first steps are done, and ends the training after some time.

    Args:
        seconds: How long to measure.
    """

    def __init__(self, seconds: float) -> None:
        self.limit_s = seconds
        self.images = 0
        self.seconds = 0.0
        self.largest_batch = 0

    @property
    def images_per_second(self) -> float:
        """Images a second, in whole steps."""
        return self.images / self.seconds

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a batch."""
        self.largest_batch = max(self.largest_batch, len(batch[0]))
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        now = time.perf_counter()
        if trainer.fit_loop.total_batch_idx + 1 == WARMUP_STEPS:
            self._start = now
        elif trainer.fit_loop.total_batch_idx + 1 > WARMUP_STEPS:
            self.images += len(batch[0])
            self.seconds = now - self._start
        trainer.should_stop = self.seconds >= self.limit_s
