"""What evaluation costs: a test of 50,000 images with its report, and validation with its metrics, against bare passes.

Images are random, 32x32, in memory. A bare pass computes logits and loss, and nothing from them. The accuracies of all
tests are compared.

Run: python -m benchmarks.evaluation [--rounds 3]
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.optim import AdamW
from torch.utils.data import DataLoader

from benchmarks.comparison import alternate, print_table
from litclassify.callbacks import TestReport, ValidationMetrics
from litclassify.data.datasets.in_memory import ImageTensorDataset
from litclassify.models import ImageClassifier
from litclassify.networks import ResNet9

NUM_IMAGES = 50_000
BATCH_SIZE = 500
CLASSES = (10, 1000)


class BareClassifier(ImageClassifier):
    """A classifier that computes logits and loss, and counts nothing."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        """Compute the loss."""
        self._bare(batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        """Compute the loss."""
        self._bare(batch)

    def _bare(self, batch: tuple[Tensor, Tensor]) -> None:
        images, targets = batch
        self.criterion(self(images), targets)

    def _log_metrics(self, metrics: Any) -> None:
        """Log nothing."""


def loader(num_classes: int) -> DataLoader[Any]:
    """Give random images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (NUM_IMAGES, 3, 32, 32), dtype=torch.uint8, generator=generator)
    targets = torch.randint(num_classes, (NUM_IMAGES,), generator=generator)
    dataset = ImageTensorDataset(images, targets, None, "test")
    return DataLoader(dataset, BATCH_SIZE, collate_fn=lambda batch: batch)


def seconds(model: ImageClassifier, data: DataLoader[Any], callbacks: Sequence[Callback], stage: str) -> float:
    """Give the time of a test or a validation."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            callbacks=list(callbacks),
            logger=TensorBoardLogger(folder, name="", version="") if stage == "test" else False,
            default_root_dir=Path(folder),
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        start = time.perf_counter()
        getattr(trainer, stage)(model, data, verbose=False)
        return time.perf_counter() - start


def compare(num_classes: int, rounds: int) -> list[list[str]]:
    """Give a row for the test and one for the validation."""
    data = loader(num_classes)
    torch.manual_seed(0)
    arguments: Any = (partial(ResNet9, width=8), AdamW, [f"class {k}" for k in range(num_classes)])
    bare, whole = BareClassifier(*arguments), ImageClassifier(*arguments)
    times = alternate(
        {
            "bare test": lambda: seconds(bare, data, [], "test"),
            "test with report": lambda: seconds(whole, data, [TestReport(verbose=False)], "test"),
            "bare validation": lambda: seconds(bare, data, [], "validate"),
            "validation": lambda: seconds(whole, data, [ValidationMetrics()], "validate"),
        },
        rounds,
    )
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [
        [
            f"{num_classes} classes: {kind}",
            f"{medians[a]:.2f}",
            f"{medians[b]:.2f}",
            f"{medians[b] - medians[a]:+.2f}",
            f"{medians[b] / medians[a]:.3f}",
        ]
        for kind, a, b in (
            ("test, all figures", "bare test", "test with report"),
            ("validation", "bare validation", "validation"),
        )
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows = [row for num_classes in CLASSES for row in compare(num_classes, rounds)]
    print_table(
        f"{NUM_IMAGES:,} images, ResNet9 of width 8", ["", "bare [s]", "all [s]", "difference [s]", "ratio"], rows
    )


if __name__ == "__main__":
    main()
