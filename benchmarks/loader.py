"""Images per second of the in-memory loader against the usual way: one PIL image, one transform, one sample at a time.

All load the same images in the same order, in alternation in one process. First it is checked that they agree: exactly
without random transforms, and in what crops and flips there are with them.
Run: python -m benchmarks.loader [--images 20000] [--rounds 5]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from litclassify.data import ImageTensorDataset

BATCH_SIZE = 128
Loader = DataLoader[tuple[Tensor, Tensor]]


class OneByOne(Dataset[tuple[Tensor, int]]):
    """The usual way, as torchvision's own MNIST and CIFAR do it: an array to a PIL image, and that to a tensor.

    Args:
        images: uint8 (N, C, H, W).
        targets: int64 (N,).
        transform: Of a PIL image, or of a tensor (C, H, W) if `as_tensors`.
        as_tensors: Leave PIL out, as torchvision's newer reference does.
    """

    def __init__(
        self, images: Tensor, targets: Tensor, transform: Callable[..., Tensor], as_tensors: bool = False
    ) -> None:
        self.images, self.targets = images, targets
        self.transform = transform
        self.as_tensors = as_tensors

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index]
        if not self.as_tensors:
            pixels = image.movedim(0, -1).squeeze(-1).numpy()
            return self.transform(Image.fromarray(pixels)), int(self.targets[index])
        return self.transform(image), int(self.targets[index])


def made_up(num_images: int, channels: int, size: int) -> tuple[Tensor, Tensor]:
    """Give images, uint8 (N, C, size, size), and targets, int64 (N,)."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num_images, channels, size, size), dtype=torch.uint8, generator=generator)
    return images, torch.randint(0, 10, (num_images,), generator=generator)


def plain_loaders(num_images: int) -> dict[str, Loader]:
    """Give loaders over gray 28x28 images, as MNIST has them, without augmentation."""
    images, targets = made_up(num_images, 1, 28)
    in_memory = ImageTensorDataset(images, targets, None, "train")
    return {
        "one PIL image at a time": DataLoader(OneByOne(images, targets, transforms.ToTensor()), BATCH_SIZE),
        "in memory": DataLoader(in_memory, BATCH_SIZE, collate_fn=lambda batch: batch),
    }


def augmented_loaders(num_images: int) -> dict[str, Loader]:
    """Give loaders over colour 32x32 images, as CIFAR has them, that crop from a padded image and mirror."""
    images, targets = made_up(num_images, 3, 32)
    pil = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
        ]
    )
    crop, flip = v2.RandomCrop(32, padding=4, padding_mode="reflect"), v2.RandomHorizontalFlip()
    as_float = v2.Compose([crop, flip, v2.ToDtype(torch.float32, scale=True)])
    in_memory = ImageTensorDataset(images, targets, v2.Compose([crop, flip]), "train")
    return {
        "one PIL image at a time": DataLoader(OneByOne(images, targets, pil), BATCH_SIZE),
        "one tensor at a time (v2)": DataLoader(OneByOne(images, targets, as_float, as_tensors=True), BATCH_SIZE),
        "in memory": DataLoader(in_memory, BATCH_SIZE, collate_fn=lambda batch: batch),
    }


def check_equal(num_images: int) -> None:
    """Compare every batch of the loaders without augmentation."""
    usual, ours = plain_loaders(num_images).values()
    for (usual_images, usual_targets), (images, targets) in zip(usual, ours, strict=True):
        torch.testing.assert_close(images / 255, usual_images)
        assert torch.equal(targets, usual_targets)


def check_alike(num_images: int) -> None:
    """Compare the augmentations in what does not depend on the draw: brightness, and how often an image is new."""
    statistics_of = {}
    for name, loader in augmented_loaders(num_images).items():
        images = torch.cat([batch for batch, _ in loader])
        images = images / 255 if images.dtype == torch.uint8 else images
        original = made_up(num_images, 3, 32)[0] / 255
        unchanged = (images == original).flatten(1).all(1).float().mean()
        statistics_of[name] = torch.stack([images.mean(), images.std(), unchanged])
    baseline = statistics_of["one PIL image at a time"]
    for ours in statistics_of.values():
        torch.testing.assert_close(ours, baseline, atol=0.02, rtol=0)


def epoch_seconds(loader: Loader) -> float:
    """Time one pass over a loader."""
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start


def report(title: str, loaders: dict[str, Loader], num_images: int, rounds: int) -> None:
    """Time the loaders in alternation and print images per second and ratios to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(rounds):
        for name, loader in loaders.items():
            seconds[name].append(epoch_seconds(loader))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    baseline = next(iter(medians.values()))
    table = Table("loader", "images/s", "times", title=f"{title}: {num_images} images, {rounds} rounds")
    for name, median in medians.items():
        table.add_row(name, f"{num_images / median:,.0f}", f"{baseline / median:.1f}")
    Console().print(table)


def main() -> None:
    """Print images per second, medians over the rounds, and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    check_equal(num_images=1_000)
    check_alike(num_images=4_000)
    for title, loaders in (("28x28 gray", plain_loaders), ("32x32 colour, crop and flip", augmented_loaders)):
        report(title, loaders(arguments.images), arguments.images, arguments.rounds)


if __name__ == "__main__":
    main()
