"""Trainings that stop anywhere and go on, without a command line."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer, seed_everything
from tests.callbacks.observed import DrawingNetwork
from tests.models.test_image_classifier import quiet_trainer
from torch import Tensor
from torch.nn import CrossEntropyLoss
from torch.utils.data import DataLoader, Dataset

from litclassify.callbacks import LossGuard, ResumableCheckpoint, TrainingState
from litclassify.data.samplers import ShuffledSampler
from litclassify.models import ImageClassifier

CLASSES = ["a", "b", "c"]
EPOCHS, BATCHES, BATCH_SIZE = 2, 5, 4
GENERATOR = torch.Generator().manual_seed(1)
IMAGES = torch.randint(0, 256, (BATCHES * BATCH_SIZE, 1, 8, 8), dtype=torch.uint8, generator=GENERATOR)
TARGETS = torch.randint(0, 3, (len(IMAGES),), generator=GENERATOR)


class StopError(Exception):
    """Stands for whatever ends a training."""


class Stopping(Callback):
    """Ends a training in the middle of the batch that comes after so many."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self.left -= 1
        if self.left < 0:
            raise StopError


class Seen(Callback):
    """Keeps which images each batch has, and the training metrics of each epoch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.metrics: dict[int, dict[str, float]] = {}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.batches.append([int((image == IMAGES).flatten(1).all(dim=1).nonzero()) for image in batch[0]])

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Those of the epoch before: they are logged after the hook for its end.
        if trainer.current_epoch > 0:
            metrics = trainer.callback_metrics.items()
            self.metrics[trainer.current_epoch - 1] = {name: value.item() for name, value in metrics}

    on_train_end = on_train_epoch_start


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Few images in memory, by the numbers of draws that our samplers give."""

    targets = TARGETS

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, draw: int) -> tuple[Tensor, Tensor]:
        return IMAGES[draw % len(IMAGES)], TARGETS[draw % len(IMAGES)]


class Data(LightningDataModule):
    """The same order in every training, from a sampler of ours or in turn.

    Args:
        batch_size: Images per batch.
        num_workers: Of the training loader.
        shuffled: Whether a sampler that can skip gives the order.
    """

    def __init__(self, batch_size: int = BATCH_SIZE, num_workers: int = 0, *, shuffled: bool = True) -> None:
        super().__init__()
        self.batch_size, self.num_workers, self.shuffled = batch_size, num_workers, shuffled

    def train_dataloader(self) -> DataLoader[Any]:
        sampler = ShuffledSampler(Images(), seed=3) if self.shuffled else None
        return DataLoader(Images(), self.batch_size, sampler=sampler, num_workers=self.num_workers)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(Images(), 10)


def trainer_for(folder: Path, *callbacks: Callback, **arguments: Any) -> Trainer:
    """Give a Trainer that keeps checkpoints in a folder, unless one of the callbacks does."""
    kept = [c for c in callbacks if hasattr(c, "dirpath")] or [every_step(folder)]
    guards = [c for c in callbacks if isinstance(c, LossGuard)]
    others = [c for c in callbacks if c not in kept + guards]
    settings = {"max_epochs": EPOCHS, "num_sanity_val_steps": 0, "enable_checkpointing": True, **arguments}
    return quiet_trainer(**settings, callbacks=[*guards, TrainingState(), *others, *kept])


def every_step(folder: Path, **arguments: Any) -> ResumableCheckpoint:
    settings = {"save_top_k": 0, "save_last": True, "every_n_train_steps": 1}
    return ResumableCheckpoint(dirpath=folder, **settings | arguments)


def model() -> ImageClassifier:
    # With a criterion of its own: a training that stops in a validation leaves it in eval mode.
    seed_everything(0, verbose=False)
    return ImageClassifier(DrawingNetwork, partial(torch.optim.AdamW, lr=0.01), CLASSES, CrossEntropyLoss())


def train(
    folder: Path, *callbacks: Callback, data: Data | None = None, resumed: Path | None = None, **arguments: Any
) -> dict[str, Any]:
    """Train, and give all that makes a training: weights, optimizer, metrics, random numbers."""
    trainer = trainer_for(folder, *callbacks, **arguments)
    trained = model()
    if resumed is not None:
        torch.rand(resumed.stat().st_size % 7)  # A process that goes on has drawn other numbers.
    trainer.fit(trained, datamodule=data or Data(), ckpt_path=resumed, weights_only=True)
    return {
        "weights": trained.state_dict(),
        "optimizer": trainer.optimizers[0].state_dict(),
        "metrics": {name: value.item() for name, value in trainer.callback_metrics.items()},
        "random": torch.get_rng_state(),
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
    }


def differences(value: Any, other: Any, place: str = "") -> list[str]:
    """Name the places in which two trainings differ, to the last bit."""
    if isinstance(value, dict) and isinstance(other, dict) and value.keys() == other.keys():
        return [name for key in value for name in differences(value[key], other[key], f"{place}/{key}")]
    if isinstance(value, Tensor) and isinstance(other, Tensor):
        return [] if value.dtype == other.dtype and torch.equal(value, other) else [place]
    return [] if value == other else [f"{place}: {value} and {other}"]
