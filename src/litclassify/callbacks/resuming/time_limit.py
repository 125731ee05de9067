"""The time that a training may take."""

from datetime import timedelta
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

from litclassify.callbacks.resuming import ResumableEpochLoop, position_of
from litclassify.callbacks.resuming.resumable_checkpoint import first_resumable


class TimeLimit(Timer):
    """Ends a training whose time is over between two steps, with a `last.ckpt` from which it goes on exactly.

    Lightning's `Timer` logs what there is of an epoch as a whole one, and validates in its middle. The time of a run
    counts on when it is resumed.

    Args:
        duration: As `trainer.max_time`.
    """

    has_stopped = False
    """Whether there was something left to train."""

    def __init__(self, duration: str | timedelta | dict[str, int]) -> None:
        super().__init__(duration, verbose=False)

    @property
    def state_key(self) -> str:
        """That of Lightning's class, whose state it has."""
        return Timer.__qualname__

    def on_fit_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Let a run begin whose time is over already: if it has nothing left to train, it ends as any other."""

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Wait for the next step to begin."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Leave, if the time is over."""
        if not self._is_over(trainer) or position_of(trainer) is None or not trainer.fit_loop._can_stop_early:
            return
        self.has_stopped = True
        checkpoint = first_resumable(trainer)
        if checkpoint is not None:
            checkpoint.save_last_now(trainer)
        loop = trainer.fit_loop.epoch_loop
        assert isinstance(loop, ResumableEpochLoop)
        loop.leave()

    def _is_over(self, trainer: Trainer) -> bool:
        assert self._duration is not None
        is_over = self.time_elapsed() >= self._duration
        return is_over if trainer.world_size == 1 else bool(trainer.strategy.broadcast(is_over))


def stopped_by_time(trainer: Trainer) -> bool:
    """Whether a training has ended because its time was over."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined] # set by Lightning's callback connector
    return any(isinstance(callback, TimeLimit) and callback.has_stopped for callback in callbacks)
