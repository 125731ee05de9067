"""The state of a training that Lightning's checkpoints lack."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler, WeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn

from litclassify.callbacks.averaging.weight_average import CURRENT, WeightAverage
from litclassify.callbacks.resuming import (
    Position,
    ResumableEpochLoop,
    gather,
    position_of,
    process_state,
    restore_random_state,
    restore_sums,
    stored_progress,
)
from litclassify.errors import UserError
from litclassify.lightning_state import epoch_is_whole

KEY = "training_state"


class TrainingState(Callback):
    """Let a training that is resumed from a checkpoint do to the last bit what it would have done without the stop.

    Checkpoints that are written between two steps, as `ResumableCheckpoint` does, hold where in the epoch that is, the
    random states of all processes, the sums of metrics so far, and what was logged last. With another number of
    processes, training metrics of that epoch are of the rest of it.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Any] | None = None
        self._process: dict[str, Any] | None = None
        self._within_epoch: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let epochs begin where a checkpoint says."""
        loop = trainer.fit_loop.epoch_loop
        if stage == "fit" and not isinstance(loop, ResumableEpochLoop):
            trainer.fit_loop.epoch_loop = ResumableEpochLoop(loop)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the state, if there is no step that has begun."""
        position = position_of(trainer)
        if position is None:
            return
        checkpoint["epoch"] = position.last_epoch
        checkpoint["loops"]["fit_loop"] = stored_progress(checkpoint["loops"]["fit_loop"], position)
        checkpoint[KEY] = {
            "position": asdict(position),
            "processes": gather(trainer, self._within_epoch or process_state(pl_module)),
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
        }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the state until training starts, and take the weights that it goes on with."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._loaded = checkpoint.get(KEY)
            _leave_average_behind(trainer, pl_module, checkpoint)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go to where the checkpoint was written."""
        self._within_epoch = None
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return
        loop = trainer.fit_loop.epoch_loop
        assert isinstance(loop, ResumableEpochLoop)
        with _refused():
            position = Position(**loaded["position"])
            _accumulate_as_in(position.epoch, trainer)
            loop.start_at(position)
            logged = {name: torch.tensor(value, device=pl_module.device) for name, value in loaded["metrics"].items()}
            processes = loaded["processes"]
            self._process = processes[trainer.global_rank] if len(processes) == trainer.world_size else None
            if self._process is not None:  # Now: LossGuard keeps the sums before each batch.
                restore_sums(pl_module, self._process)
        trainer.callback_metrics.update(logged)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Put random states back when all that draws numbers before the first batch has done so."""
        if self._process is not None:
            with _refused():
                restore_random_state(self._process)
            self._process = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state of an epoch that ends in its middle, as with `max_steps`: its end clears the sums."""
        if not epoch_is_whole(trainer):
            self._within_epoch = process_state(pl_module)


def _leave_average_behind(trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
    """Take the weights themselves where the checkpoint has their average, too, and no callback goes on with it."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined] # set by Lightning's callback connector
    if CURRENT not in checkpoint or any(isinstance(other, WeightAverage | WeightAveraging) for other in callbacks):
        return
    pl_module.load_state_dict(checkpoint[CURRENT])
    rank_zero_warn(
        "The checkpoint's weights are an average, and nothing in trainer.callbacks averages: training goes on with the "
        "weights of its last step, and saves those. To go on with the average, name the callback that made it, such as "
        "--trainer.callbacks+=EMA. To start from it: fit --model.init_from CHECKPOINT."
    )


def _accumulate_as_in(epoch: int, trainer: Trainer) -> None:
    """Set what is set when an epoch starts, and not once more in its middle."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined] # set by Lightning's callback connector
        if isinstance(callback, GradientAccumulationScheduler):
            trainer.accumulate_grad_batches = callback.get_accumulate_grad_batches(epoch)


@contextmanager
def _refused() -> Iterator[None]:
    """Refuse a state that is not as it was written.

    Raises:
        UserError: It is not.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"--ckpt_path: the checkpoint's {KEY} is not as it was written: {error!r}") from error
