"""What `benchmarks.step` gives to the command line by import path: data, and callbacks that measure."""

import time
from copy import deepcopy
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from litclassify.data import ImageDataModule, ImageTensorDataset

NUM_CLASSES = 10


def made_up_images(num_images: int, shape: tuple[int, int, int], seed: int) -> tuple[Tensor, Tensor]:
    """Give noise, uint8 (N, C, H, W), in which each class has a pattern of its own, and the classes, int64 (N,)."""
    patterns = torch.rand((NUM_CLASSES, *shape), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(NUM_CLASSES, (num_images,), generator=generator)
    noise = torch.rand((num_images, *shape), generator=generator)
    return ((patterns[targets] + 3 * noise) / 4 * 255).byte(), targets


class MadeUp(ImageDataModule):
    """Made-up images in memory.

    Args:
        channels: 1 or 3.
        train_images: Number of training images.
        val_images: Number of validation images.
    """

    class_names = [f"class {i}" for i in range(NUM_CLASSES)]  # noqa: RUF012
    mean = [0.5]  # noqa: RUF012
    std = [0.25]  # noqa: RUF012
    num_channels = 0

    def __init__(self, *, channels: int = 1, train_images: int = 1024, val_images: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_channels = channels
        self.sizes = {"train": train_images, "val": val_images}

    def _make_dataset(self, split: Literal["train", "val", "test"]) -> ImageTensorDataset:
        shape = (self.num_channels, *self.image_size)
        images, targets = made_up_images(self.sizes[split], shape, seed=1 + (split == "val"))
        return ImageTensorDataset(images, targets, None, split)


class Stopwatch(Callback):
    """Measure the training steps of each epoch, and what comes between two epochs: validation, checkpoints, lines.

    A checkpoint of an epoch is written before the first step of the next one.
    """

    def __init__(self) -> None:
        self.begins: list[float] = []
        self.ends: list[float] = []
        self.saving: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the time of checkpoints."""
        save = trainer.save_checkpoint

        def timed(*args: Any) -> None:
            began = time.perf_counter()
            save(*args)
            self.saving[-1] += time.perf_counter() - began

        trainer.save_checkpoint = timed  # type: ignore[method-assign]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An epoch begins, and with it the time of its steps."""
        self.begins.append(time.perf_counter())
        self.saving.append(0.0)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """All steps of the epoch are done."""
        if not trainer.sanity_checking:
            self.ends.append(time.perf_counter())

    def steps_s(self) -> list[float]:
        """Seconds of the steps of each epoch but the first, which warms up."""
        epochs = zip(self.begins, self.ends, self.saving, strict=True)
        return [end - begin - saving for begin, end, saving in epochs][1:]

    def between_s(self) -> list[float]:
        """Seconds from the last step of an epoch to the beginning of the next."""
        gaps = zip(self.ends, self.begins[1:], self.saving[1:], strict=False)
        return [begin - end + saving for end, begin, saving in gaps]


class LossRecorder(Callback):
    """Keep the network as it is before the first step, and the loss of each step."""

    def __init__(self) -> None:
        self.initial: torch.nn.Module | None = None
        self.losses: list[Tensor] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the network."""
        self.initial = deepcopy(pl_module.network)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the loss."""
        self.losses.append(outputs["loss"].detach().clone())
