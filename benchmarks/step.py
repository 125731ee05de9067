"""The training step of LitClassify, all its defaults on, against a loop written by hand that does nothing else.

Both train the same network from the same weights on the same batches from memory, in alternation in one process; first
the loss of each step is compared. Importing Lightning makes torch look for CUDA in a dearer way at each step: the
column "Lightning imported" leaves it at that for the loop written by hand. The steps of an epoch are timed apart from
what comes after them (validation, lines, checkpoints, curves). Last, an epoch of the MLP against the way of a tutorial:
every sample through PIL, loss and accuracy logged at each step.
Run: python -m benchmarks.step [--rounds 5] [--epochs 3] [--networks mlp resnet9 resnet18]
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics.classification import MulticlassAccuracy
from torchvision.transforms import ToTensor

from benchmarks.step_parts import NUM_CLASSES, LossRecorder, MadeUp, Stopwatch, made_up_images
from litclassify.cli.application import ClassificationCLI
from litclassify.cli.process_tuning import CUDA_CHECK
from litclassify.cli.run import process_set_up_for
from litclassify.cli.trainer.console import quiet_lightning
from litclassify.networks import hasten_small_maps

BATCH_SIZE = 128
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Case:
    """A network, its data and its optimizer."""

    words: tuple[str, ...]
    channels: int
    image_size: int
    train_images: int
    optimizer: Callable[..., torch.optim.Optimizer]
    optimizer_words: tuple[str, ...]
    limit: float
    """What a step may take, in units of the step written by hand."""


ADAM = (torch.optim.Adam, ("Adam", "--model.optimizer.lr", "0.001"))


def sgd(parameters: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of the recipes for residual networks."""
    return torch.optim.SGD(parameters, lr=0.02, momentum=0.9)


SGD = (sgd, ("SGD", "--model.optimizer.lr", "0.02", "--model.optimizer.momentum", "0.9"))
CASES = {
    "mlp": Case(("MLP", "--model.network.hidden_features", "[64]"), 1, 28, 60_000, *ADAM, limit=1.6),
    "resnet9": Case(("ResNet9", "--model.network.width", "32"), 3, 32, 6 * BATCH_SIZE, *SGD, limit=1.05),
    "resnet18": Case(
        ("TorchvisionNetwork", "--model.network.name", "resnet18"), 3, 32, 8 * BATCH_SIZE, *SGD, limit=1.05
    ),
}


@contextmanager
def unseen() -> Iterator[None]:
    """Send what is printed nowhere, as into a pipe, and runs into a directory that is deleted."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def fit(case: Case, epochs: int, callback: type[Callback]) -> tuple[ClassificationCLI, Any]:
    """Train through the command line, with all that it does by default; give it and the callback."""
    words = [
        *["fit", "--data", "benchmarks.step_parts.MadeUp", "--data.channels", str(case.channels)],
        *["--data.image_size", str(case.image_size), "--data.train_images", str(case.train_images)],
        *["--data.batch_size", str(BATCH_SIZE), "--model.network", *case.words],
        *["--model.optimizer", *case.optimizer_words, "--trainer.max_epochs", str(epochs)],
        *["--trainer.accelerator", "cpu", f"--trainer.callbacks+=benchmarks.step_parts.{callback.__name__}"],
    ]
    with tempfile.TemporaryDirectory() as runs, unseen():
        allowed = ["--allow_import", "benchmarks", *words, "--runs_dir", runs]
        with process_set_up_for(allowed) as prepared:
            cli = ClassificationCLI(prepared)
    return cli, next(found for found in cli.trainer.callbacks if isinstance(found, callback))


def train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader[Batch]) -> list[Tensor]:
    """Train one epoch, written by hand; give the loss of each step."""
    losses = []
    mean, std = torch.tensor(MadeUp.mean).view(1, -1, 1, 1), torch.tensor(MadeUp.std).view(1, -1, 1, 1)
    for images, targets in loader:
        loss = nn.functional.cross_entropy(network(images.float().div_(255).sub_(mean).div_(std)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses


@contextmanager
def as_without_lightning() -> Iterator[None]:
    """Let torch look for CUDA as in a process that has not imported Lightning, which makes each step dearer."""
    before = os.environ[CUDA_CHECK]
    os.environ[CUDA_CHECK] = "0"
    try:
        yield
    finally:
        os.environ[CUDA_CHECK] = before


def by_hand(case: Case, initial: nn.Module, epochs: int) -> tuple[list[float], list[Tensor]]:
    """Train with the loop written by hand; give the seconds of each epoch but the first, and all losses."""
    network = deepcopy(initial).train()
    optimizer = case.optimizer(network.parameters())
    data = MadeUp(
        channels=case.channels, image_size=case.image_size, train_images=case.train_images, batch_size=BATCH_SIZE
    )
    loader = data.train_dataloader()
    seconds, losses = [], []
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        start = time.perf_counter()
        losses += train_epoch(network, optimizer, loader)
        seconds.append(time.perf_counter() - start)
    return seconds[1:], losses


def check_equal(case: Case) -> nn.Module:
    """Compare the loss of each step of an epoch of both ways, in float32; give the network that both began with.

    Gradients of small maps, which round otherwise, are the same in both: `benchmarks.small_maps` compares them.
    """
    _, recorder = fit(case, 1, LossRecorder)
    alike = deepcopy(recorder.initial)
    hasten_small_maps(alike)
    _, expected = by_hand(case, alike, 1)
    # Fused optimizers round otherwise, and a residual network makes ten times more of a difference at each step.
    torch.testing.assert_close(torch.stack(recorder.losses), torch.stack(expected), rtol=1e-3, atol=1e-5)
    initial: nn.Module = recorder.initial
    return initial


@dataclass
class Comparison:
    """Medians over the rounds."""

    hand_ms: float
    ours_ms: float
    ratio: float
    """Of the steps of a round."""
    beside_lightning: float
    """The same ratio where the loop written by hand, too, runs in a process that has imported Lightning."""
    between_ms: float
    """From the last step of an epoch to the first of the next."""


def compare(case: Case, rounds: int, epochs: int) -> Comparison:
    """Train by hand and through the command line, in alternation."""
    initial = check_equal(case)
    hand, ours, ratios, beside_lightning, between = [], [], [], [], []
    for _ in range(rounds):
        with as_without_lightning():
            hand_s, _ = by_hand(case, initial, epochs)
        with_lightning_s, _ = by_hand(case, initial, epochs)
        _, stopwatch = fit(case, epochs, Stopwatch)
        hand += hand_s
        ours += stopwatch.steps_s()
        between += stopwatch.between_s()
        ratios.append(statistics.median(stopwatch.steps_s()) / statistics.median(hand_s))
        beside_lightning.append(statistics.median(stopwatch.steps_s()) / statistics.median(with_lightning_s))
    steps = -(-case.train_images // BATCH_SIZE)
    hand_ms, ours_ms = (1e3 * statistics.median(seconds) / steps for seconds in (hand, ours))
    return Comparison(
        hand_ms,
        ours_ms,
        statistics.median(ratios),
        statistics.median(beside_lightning),
        1e3 * statistics.median(between),
    )


class PILImages(Dataset[tuple[Tensor, int]]):
    """One PIL image and one transform at a time, as torchvision.datasets.MNIST does it."""

    def __init__(self, num_images: int, seed: int) -> None:
        images, self.targets = made_up_images(num_images, (1, 28, 28), seed)
        self.images = images[:, 0]
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index].numpy())), int(self.targets[index])


class TutorialModule(LightningModule):
    """The MLP as a tutorial writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, NUM_CLASSES))
        self.criterion = nn.CrossEntropyLoss()
        self.train_accuracy = MulticlassAccuracy(NUM_CLASSES, average="micro")
        self.val_accuracy = MulticlassAccuracy(NUM_CLASSES, average="micro")

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log loss and accuracy of the step and of the epoch."""
        images, targets = batch
        logits = self.model(images)
        loss: Tensor = self.criterion(logits, targets)
        self.train_accuracy(logits, targets)
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        self.log("train_acc", self.train_accuracy, prog_bar=True, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy of the epoch."""
        images, targets = batch
        logits = self.model(images)
        self.val_accuracy(logits, targets)
        self.log("val_loss", self.criterion(logits, targets), prog_bar=True)
        self.log("val_acc", self.val_accuracy, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Give Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def tutorial_epochs(epochs: int) -> list[float]:
    """Train the tutorial's way; give the seconds of each epoch but the first."""
    train = DataLoader(PILImages(CASES["mlp"].train_images, seed=1), BATCH_SIZE, shuffle=True)
    val = DataLoader(PILImages(128, seed=2), BATCH_SIZE)
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory() as root, unseen(), quiet_lightning():
        trainer = Trainer(max_epochs=epochs, accelerator="cpu", default_root_dir=Path(root), callbacks=[stopwatch])
        trainer.fit(TutorialModule(), train, val)
    return whole_epochs(stopwatch)


def whole_epochs(stopwatch: Stopwatch) -> list[float]:
    """Seconds from the beginning of an epoch to that of the next, without the first."""
    begins = stopwatch.begins[1:]
    return [after - before for before, after in pairwise(begins)]


def compare_with_tutorial(rounds: int) -> tuple[float, float, float]:
    """Give the seconds of an epoch of the tutorial's code and of ours, and how many times faster ours is."""
    pairs = []
    for _ in range(rounds):
        _, stopwatch = fit(CASES["mlp"], 4, Stopwatch)
        pairs.append((statistics.median(tutorial_epochs(3)), statistics.median(whole_epochs(stopwatch))))
    tutorial, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    return tutorial, ours, statistics.median(theirs / own for theirs, own in pairs)


def main() -> None:
    """Print milliseconds per step and their ratio, medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--no_tutorial", action="store_true")
    arguments = parser.parse_args()
    title = f"batches of {BATCH_SIZE}, float32, {torch.get_num_threads()} threads, {arguments.rounds} rounds"
    table = Table(
        "network",
        "by hand, ms/step",
        "ours, ms/step",
        "ratio",
        "wanted",
        "Lightning imported",
        "end of epoch, ms",
        title=title,
    )
    for name in arguments.networks:
        found = compare(CASES[name], arguments.rounds, arguments.epochs)
        wanted = f"at most {CASES[name].limit}"
        figures = [f"{figure:.3f}" for figure in (found.hand_ms, found.ours_ms, found.ratio)]
        table.add_row(name, *figures, wanted, f"{found.beside_lightning:.3f}", f"{found.between_ms:.0f}")
    Console().print(table)
    if not arguments.no_tutorial:
        tutorial, ours, ratio = compare_with_tutorial(arguments.rounds)
        table = Table("MLP, whole epoch", "seconds", "times faster", "wanted")
        table.add_row("tutorial", f"{tutorial:.2f}", "1.0", "")
        table.add_row("ours", f"{ours:.2f}", f"{ratio:.1f}", "at least 4")
        Console().print(table)


if __name__ == "__main__":
    main()
