"""How long a run is meant to be."""

import math

from lightning.pytorch import Trainer


def is_fast_dev_run(trainer: Trainer) -> bool:
    """Say whether `fast_dev_run` ends it after some batches: its epochs are then not those that are asked for."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined] # set by Lightning's setup


def num_epochs(trainer: Trainer) -> int | None:
    """Give how many epochs a run has, the last one maybe in part; None if it has no end that is known."""
    ends = [trainer.max_epochs or 0] if trainer.max_epochs != -1 else []
    if trainer.max_steps != -1:
        trainer.fit_loop.setup_data()
        batches = trainer.num_training_batches
        if 0 < batches < math.inf:
            ends.append(math.ceil(trainer.max_steps / math.ceil(batches / trainer.accumulate_grad_batches)))
    return min(ends, default=None)
