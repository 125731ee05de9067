"""What benchmarks.gpu adds to LitClassify's command: made-up data on the device, a clock, a network without cost."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.models import resnet50

Batch = tuple[Tensor, Tensor]


def made_up_batch(batch_size: int, image_size: int, num_classes: int, device: str) -> Batch:
    """Give random images, uint8 (N, 3, H, W), and targets, int64 (N,)."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch_size, 3, image_size, image_size), dtype=torch.uint8, generator=generator)
    return images.to(device), torch.randint(0, num_classes, (batch_size,), generator=generator).to(device)


def wait_for_device() -> None:
    """Wait until the GPU, if there is one, has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class SyntheticImages(LightningDataModule):
    """One made-up batch, over and over, on the device: loading costs nothing.

    Args:
        steps: Batches in an epoch.
        batch_size: Images in a batch.
        image_size: Height and width in pixels.
        num_classes: Classes of the made-up targets.
        device: Where the batch lies.
    """

    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)

    def __init__(
        self, steps: int, batch_size: int, image_size: int = 224, num_classes: int = 1000, device: str = "cuda"
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.steps = steps
        self.batch_size = batch_size
        self.image_size = image_size
        self.device = device
        self.class_names = [f"class {index}" for index in range(num_classes)]
        self.image_shape = (3, image_size, image_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The same batch, `steps` times."""
        batch = made_up_batch(self.batch_size, self.image_size, len(self.class_names), self.device)
        return DataLoader([batch] * self.steps, batch_size=None)  # A plain list is one loader per entry to Lightning.


class TrainingClock(Callback):
    """Time training, from the start of each epoch to the end of its last step, and write it to a JSON file.

    Validation, checkpoints and whatever else comes between epochs is not counted; waiting for data is.

    Args:
        path: The file: `seconds`, `images`, and the `loss` of the last step.
        skipped_steps: Steps before the clock starts, for compilation.
        warms_up: Take steps before training, and undo them, where the first steps are to count: what is compiled,
            recorded and set up once is not timed.
    """

    def __init__(self, path: str, skipped_steps: int = 0, warms_up: bool = False) -> None:
        self.path = Path(path)
        self.skipped_steps = skipped_steps
        self.warms_up = warms_up
        self.seconds = 0.0
        self.images = 0
        self._started_at: float | None = None
        self._loss = torch.tensor(float("nan"))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Warm up, if that is not to be timed."""
        if self.warms_up:
            warm_up(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start before the first batch is loaded."""
        self._start_after_skipped(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Start, if enough steps have been skipped."""
        self._start_after_skipped(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count the images, and stop at the end of the epoch."""
        self._loss = outputs["loss"]
        if self._started_at is None:
            return
        self.images += len(batch[0])
        if trainer.is_last_batch:
            wait_for_device()
            self.seconds += time.perf_counter() - self._started_at
            self._started_at = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        figures = {"seconds": self.seconds, "images": self.images, "loss": float(self._loss)}
        self.path.write_text(json.dumps(figures), encoding="utf-8")

    def _start_after_skipped(self, trainer: Trainer) -> None:
        if self._started_at is None and trainer.global_step >= self.skipped_steps:
            wait_for_device()
            self._started_at = time.perf_counter()


def warm_up(trainer: Trainer, model: LightningModule) -> None:
    """Take steps on made-up images of the data's size, and undo what they change.

    Of CUDA graphs, the first one compiles, the second one is recorded, and the third one starts the record. The
    optimizer records its own in the first one.
    """
    data = trainer.datamodule  # type: ignore[attr-defined] # set by Lightning's data connector
    images, targets = made_up_batch(data.batch_size, data.image_shape[-1], data.num_classes, str(model.device))
    tensors = [(tensor, tensor.detach().clone()) for tensor in (*model.parameters(), *model.buffers())]
    with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
        for _ in range(3):
            with trainer.precision_plugin.forward_context():
                loss = model.criterion(model(images), targets)
            loss.backward()
            for optimizer in trainer.optimizers:
                optimizer.step()
            model.zero_grad()
    for optimizer in trainer.optimizers:
        optimizer.state.clear()
    with torch.no_grad():
        for tensor, before in tensors:
            tensor.copy_(before)
    wait_for_device()


def seeded_resnet50(num_classes: int) -> nn.Module:
    """ResNet-50 with the same initial weights wherever it is built, so that losses can be compared."""
    torch.manual_seed(0)
    return resnet50(num_classes=num_classes)


class PoolingNetwork(nn.Module):
    """The mean of each channel and a linear layer: training takes as long as loading.

    Args:
        num_classes: Number of outputs.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) to logits (N, num_classes)."""
        logits: Tensor = self.head(images.mean(dim=(2, 3)))
        return logits
