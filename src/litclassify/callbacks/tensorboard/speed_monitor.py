"""How fast a training runs, and what it waits for."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

from litclassify.callbacks.tensorboard.writers import tensorboard_writers
from litclassify.lightning_state import logs_now, steps_taken

# What Lightning calls it to take the next training batch from the loader.
FETCH = ".train_dataloader_next"
# Writing takes a quarter of a millisecond: at every tenth step of a small network, 1.5% of its time.
MIN_INTERVAL_S = 1.0


class SpeedMonitor(Callback):
    """Logs `images_per_second` and `data_wait_share`, when the Trainer logs, but once a second at most.

    The last step of an epoch is always logged. Both are of the steps since they were logged last, of all processes
    together, and without what comes between epochs. The share is of the time in which the first process waited for its
    loader; well above 0, faster loading makes training faster. The clock is that of the process, which does not wait
    for a GPU.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the time of what Lightning reports to its profiler."""
        self._timer = FetchTimer(trainer.profiler)  # type: ignore[attr-defined] # set by Lightning's setup
        trainer.profiler = self._timer  # type: ignore[attr-defined]
        self._begin()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew, without validation and checkpoints."""
        self._begin()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew after a validation within an epoch."""
        if not trainer.sanity_checking:
            self._begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a batch, and log if it is time to."""
        self._images += len(batch[0])
        if trainer.is_last_batch or (self._seconds() > MIN_INTERVAL_S and logs_now(trainer)):
            self._log(trainer)
            self._begin()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the profiler back."""
        trainer.profiler = self._timer.profiler  # type: ignore[attr-defined]

    def _begin(self) -> None:
        self._began, self._images, self._timer.seconds = time.perf_counter(), 0, 0.0

    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def _log(self, trainer: Trainer) -> None:
        seconds = self._seconds()
        metrics = {
            "images_per_second": self._images * trainer.world_size / seconds,
            "data_wait_share": self._timer.seconds / seconds,
        }
        # Into TensorBoard alone: what a run writes as metrics.csv is the same every time.
        for writer in tensorboard_writers(trainer):
            for name, value in metrics.items():
                writer.add_scalar(name, value, steps_taken(trainer))


class FetchTimer(Profiler):
    """Adds up the time that training waits for batches, and leaves all else to another profiler.

    Args:
        profiler: The other one.
    """

    def __init__(self, profiler: Profiler) -> None:
        super().__init__()
        self.profiler = profiler
        self.profile = profiler.profile  # type: ignore[method-assign] # At twenty places in a step.
        self.seconds = 0.0

    def start(self, action_name: str) -> None:
        """Begin to wait."""
        self.profiler.start(action_name)
        if action_name.endswith(FETCH):
            self._began = time.perf_counter()

    def stop(self, action_name: str) -> None:
        """End to wait."""
        if action_name.endswith(FETCH):
            self.seconds += time.perf_counter() - self._began
        self.profiler.stop(action_name)
