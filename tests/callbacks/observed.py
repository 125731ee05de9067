"""A training of a second for callbacks that look on, and what TensorBoard reads of it."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.models.test_image_classifier import CLASSES, quiet_trainer
from torch import nn
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader, TensorDataset

from litclassify.models import ImageClassifier, MultiLabelClassifier

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (44, 1, 8, 8), dtype=torch.uint8, generator=GENERATOR)
TARGETS = torch.arange(44) % 3
TRAIN = DataLoader(TensorDataset(IMAGES[:20], TARGETS[:20]), batch_size=8)
VAL = DataLoader(TensorDataset(IMAGES[20:], TARGETS[20:]), batch_size=10)
# Each image has its class and, but for every fifth, the next one; the first one has none.
LABELS = one_hot(TARGETS, 3).bool() | (one_hot((TARGETS + 1) % 3, 3).bool() & (torch.arange(44) % 5 > 0)[:, None])
LABELS[20] = False


class DrawingNetwork(nn.Sequential):
    """A network that draws random numbers and has buffers, both of which a look at it could disturb."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(256, num_classes),
        )


def classifier(network: Any = DrawingNetwork, **arguments: Any) -> ImageClassifier:
    seed_everything(0, verbose=False)
    return ImageClassifier(network, partial(torch.optim.SGD, lr=0.1, momentum=0.9), CLASSES, **arguments)


def train_labels(folder: Path, *callbacks: Callback, **arguments: Any) -> dict[str, Any]:
    """Train as `train` does, with several labels to an image."""
    seed_everything(0, verbose=False)
    model = MultiLabelClassifier(
        DrawingNetwork, partial(torch.optim.SGD, lr=0.1), CLASSES, criterion=nn.BCEWithLogitsLoss(), threshold=0.4
    )
    loaders = (
        DataLoader(TensorDataset(IMAGES[:20], LABELS[:20]), batch_size=8),
        DataLoader(TensorDataset(IMAGES[20:], LABELS[20:]), batch_size=10),
    )
    return train(folder, *callbacks, model=model, loaders=loaders, **arguments)


def train(
    folder: Path,
    *callbacks: Callback,
    model: ImageClassifier | None = None,
    loaders: tuple[Any, Any] = (TRAIN, VAL),
    **arguments: Any,
) -> dict[str, Any]:
    """Train for two epochs of three steps, evaluate after each; give the weights and the metrics."""
    model = model or classifier()
    resumed = arguments.pop("ckpt_path", None)
    settings = {"logger": TensorBoardLogger(folder, name="", version=""), "max_epochs": 2, "log_every_n_steps": 2}
    trainer = quiet_trainer(**settings | arguments, callbacks=list(callbacks))
    trainer.fit(model, *loaders, ckpt_path=resumed, weights_only=True)
    return {
        "state": model.state_dict(),
        "random": torch.rand(3),
        "metrics": trainer.callback_metrics,
        "trainer": trainer,
    }


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0, "histograms": 0})
    accumulator.Reload()
    return accumulator
