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
from torch.utils.data import DataLoader, TensorDataset

from litclassify.models import ImageClassifier

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (44, 1, 8, 8), dtype=torch.uint8, generator=GENERATOR)
TARGETS = torch.arange(44) % 3
TRAIN = DataLoader(TensorDataset(IMAGES[:20], TARGETS[:20]), batch_size=8)
VAL = DataLoader(TensorDataset(IMAGES[20:], TARGETS[20:]), batch_size=10)


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


def train(folder: Path, *callbacks: Callback, model: ImageClassifier | None = None, **arguments: Any) -> dict[str, Any]:
    """Train for two epochs of three steps, evaluate after each; give the weights and the metrics."""
    model = model or classifier()
    resumed = arguments.pop("ckpt_path", None)
    settings = {"logger": TensorBoardLogger(folder, name="", version=""), "max_epochs": 2, "log_every_n_steps": 2}
    trainer = quiet_trainer(**settings | arguments, callbacks=list(callbacks))
    trainer.fit(model, TRAIN, VAL, ckpt_path=resumed, weights_only=True)
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
