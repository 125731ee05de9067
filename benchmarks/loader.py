"""Images per second of the in-memory loader against the usual way: one PIL image, one transform, one sample at a time.

Both load the same images in the same order, in alternation in one process; the tensors are compared first.
Run: python -m benchmarks.loader [--images 20000] [--rounds 5]
"""

import argparse
import statistics
import time

import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from litclassify.data import ImageTensorDataset

BATCH_SIZE = 128


class PILDataset(Dataset[tuple[Tensor, int]]):
    """The usual way, as torchvision.datasets.MNIST does it: an array to a PIL image to a tensor."""

    def __init__(self, images: Tensor, targets: Tensor) -> None:
        self.images = images
        self.targets = targets
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images[index, 0].numpy())
        return self.transform(image), int(self.targets[index])


def loaders(num_images: int) -> dict[str, DataLoader[tuple[Tensor, Tensor]]]:
    """Give both loaders over the same made-up 28x28 images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num_images, 1, 28, 28), dtype=torch.uint8, generator=generator)
    targets = torch.randint(0, 10, (num_images,), generator=generator)
    in_memory = ImageTensorDataset(images, targets, None, "train")
    return {
        "one PIL image at a time": DataLoader(PILDataset(images, targets), BATCH_SIZE),
        "in-memory": DataLoader(in_memory, BATCH_SIZE, collate_fn=lambda batch: batch),
    }


def check_equal(num_images: int) -> None:
    """Compare every batch of both ways."""
    usual, ours = loaders(num_images).values()
    for (usual_images, usual_targets), (images, targets) in zip(usual, ours, strict=True):
        torch.testing.assert_close(images / 255, usual_images)
        assert torch.equal(targets, usual_targets)


def epoch_seconds(loader: DataLoader[tuple[Tensor, Tensor]]) -> float:
    """Time one pass over a loader."""
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start


def main() -> None:
    """Print images per second, medians over the rounds, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    check_equal(num_images=1_000)
    both = loaders(arguments.images)
    seconds: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(arguments.rounds):
        for name, loader in both.items():
            seconds[name].append(epoch_seconds(loader))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    baseline = medians["one PIL image at a time"]
    table = Table("loader", "images/s", "times", title=f"{arguments.images} images of 28x28, {arguments.rounds} rounds")
    for name, median in medians.items():
        table.add_row(name, f"{arguments.images / median:,.0f}", f"{baseline / median:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
