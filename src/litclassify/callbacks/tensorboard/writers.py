"""Access to the TensorBoard writers of a trainer."""

from collections.abc import Iterator

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter


def tensorboard_writers(trainer: Trainer) -> Iterator[SummaryWriter]:
    """Give the writer of each TensorBoard logger; none where there is no such logger."""
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            yield logger.experiment


def has_tensorboard(trainer: Trainer) -> bool:
    """Whether anything goes to TensorBoard; the same in all processes."""
    return any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers)
