"""Whether each process holds a part of the network alone."""

from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy

SHARDED = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)


def is_sharded(trainer: Trainer) -> bool:
    """Whether the Trainer's strategy shards weights: no process can use or write them by itself."""
    return isinstance(trainer.strategy, SHARDED)
