"""Where a training stands between two of its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Trainer

COUNTERS = ("ready", "started", "processed", "completed")


@dataclass(frozen=True)
class Position:
    """What a training does next.

    All that belongs to the steps before it is done: optimizer and schedules, validation, metrics, and what is logged.
    """

    epoch: int
    """From 0."""
    batch: int
    """Batch of the epoch, from 0, of each process."""
    images: int
    """How many images of the epoch all processes together have seen, with those that came twice."""

    @property
    def last_epoch(self) -> int:
        """The epoch of the step before."""
        return self.epoch if self.batch else max(self.epoch - 1, 0)


def position_of(trainer: Trainer) -> Position | None:
    """Say where a training stands; None in the middle of a step, of a validation, or of what comes after an epoch.

    It stands between two steps when a batch is about to begin, unless gradients wait for the optimizer, and before an
    epoch and after the last one.
    """
    # Both count what is ready, started, processed and completed.
    epochs: Any = trainer.fit_loop.epoch_progress.current
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    if epochs.started == epochs.completed:
        return _position(trainer, *_after_epoch(trainer, epochs.completed, batches.completed))
    begins = batches.ready == batches.started + 1 == batches.completed + 1
    if not begins or batches.completed % trainer.accumulate_grad_batches:
        return None
    return _position(trainer, epochs.processed, batches.completed)


def _after_epoch(trainer: Trainer, epochs: int, batches: int) -> tuple[int, int]:
    """Give epoch and batch that come next, of which a training may have ended in the middle."""
    is_whole = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch or batches >= trainer.num_training_batches
    return (epochs, 0) if is_whole or batches == 0 else (epochs - 1, batches)


def _position(trainer: Trainer, epoch: int, batch: int) -> Position:
    return Position(epoch, batch, batch * images_per_step(trainer))


def images_per_step(trainer: Trainer) -> int:
    """Give how many images all processes together see in a batch each."""
    batch_size: int = getattr(trainer.train_dataloader, "batch_size", None) or 1
    return batch_size * trainer.world_size


def stored_progress(progress: Mapping[str, Any], position: Position) -> dict[str, Any]:
    """Give the progress of Lightning's fit loop as it is between two steps.

    Args:
        progress: As a checkpoint has it under `loops` and `fit_loop`.
        position: What comes next; of what has begun there, nothing is kept.
    """
    batches = progress["epoch_loop.batch_progress"]
    begun = position.epoch + (position.batch > 0)
    epochs = {"ready": begun, "started": begun, "processed": position.epoch, "completed": position.epoch}
    return {
        **progress,
        "epoch_progress": {"total": epochs, "current": epochs},
        "epoch_loop.batch_progress": {
            "total": dict.fromkeys(COUNTERS, batches["total"]["completed"]),
            "current": dict.fromkeys(COUNTERS, position.batch),
            "is_last_batch": False,
        },
    }
