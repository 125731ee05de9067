"""What every peer is told and what it reports, so that all of them do the same work."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torchvision.models import resnet18

NUM_CLASSES = 10
LEARNING_RATE = 1e-3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class TrainingTask:
    """A folder with train/ and val/ of 32x32 images in ten classes, and how to train on it: Adam, at 0.001.

    Args:
        data: The folder.
        output: A folder for whatever the peer writes.
        epochs: How long; at most, if there is a `stop_at`.
        batch_size: Images per step.
        workers: Processes that load images.
        network: resnet18 is torchvision's, resnet9 LitClassify's at width 32.
        augment: Shift by up to 4 pixels and mirror.
        stop_at: The validation accuracy to stop at; None trains for all epochs.
    """

    data: Path
    output: Path
    epochs: int
    batch_size: int
    workers: int
    network: str = "resnet18"
    augment: bool = False
    stop_at: float | None = None

    def build_network(self) -> nn.Module:
        """The network with its initial weights, which are the same in every peer."""
        torch.manual_seed(0)
        if self.network == "resnet18":
            return resnet18(num_classes=NUM_CLASSES)
        from litclassify.networks import ResNet9  # noqa: PLC0415 - no other peer should pay for this import.

        return ResNet9(NUM_CLASSES, width=32)

    def reached(self, val_acc: float) -> bool:
        """Whether to stop after an epoch with this validation accuracy."""
        return self.stop_at is not None and val_acc >= self.stop_at


def read_task(*, stoppable: bool = False) -> TrainingTask:
    """Read the task from the command line; the last three arguments are for those who train up to an accuracy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    if stoppable:
        parser.add_argument("--network", choices=["resnet18", "resnet9"], default="resnet18")
        parser.add_argument("--augment", action="store_true")
        parser.add_argument("--stop_at", type=float)
    return TrainingTask(**vars(parser.parse_args()))


def report(val_acc: float) -> None:
    """Print the last validation accuracy, as the last line."""
    print(json.dumps({"val_acc": float(val_acc)}))
