"""Photographs per second from a folder, against torchvision's reference pipeline and the limit of decoding.

All take a random resized crop of 224 pixels and mirror half of the images, and yield uint8 batches as a worker of a
DataLoader does, on one thread, in alternation in one process. First, the crops of each way are compared, for the same
random draws. Photographs of 12 megapixels are made for the purpose.
Run: python -m benchmarks.photographs FOLDER [--images 200] [--rounds 5]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import default_collate
from torchvision.transforms import Compose, PILToTensor, RandomHorizontalFlip, RandomResizedCrop, v2

from litclassify.data import ImageFilesDataset
from litclassify.data.augmentation.transforms import compose
from litclassify.data.datasets.image_cache import cache_on_disk
from litclassify.data.datasets.packed_images import PackedImagesDataset
from litclassify.data.decoding import decode, plain_jpeg
from litclassify.data.decoding.jpeg_part import load_codec
from litclassify.data.listing.find_images import list_images
from litclassify.randomness import SampleRandomness, torch_seeded

IMAGE_SIZE = 224
CACHED_SIDE = 256
LARGE_SIZE = (4000, 3000)
REFERENCE = "torchvision's reference: PIL"
BATCH_SIZE = 50
Load = Callable[[list[int]], Tensor]
"""Indices in, a batch (N, 3, 224, 224) out."""


def reference(paths: list[str]) -> Load:
    """Give the reference pipeline: decoding, crop, resize and flip by PIL, then a tensor."""
    transform = Compose([RandomResizedCrop(IMAGE_SIZE), RandomHorizontalFlip(), PILToTensor()])

    def load(index: int) -> Tensor:
        with Image.open(paths[index]) as image:
            return transform(image.convert("RGB"))

    return lambda indices: default_collate([load(index) for index in indices])


def decoding_alone(paths: list[str]) -> Load:
    """Give the decoder, which yields whole images; the last of a batch comes back."""
    return lambda indices: [decode.decode_image(paths[index], 3) for index in indices][-1]


def ways(paths: list[str], root: str, cache_dir: str) -> dict[str, Load]:
    """Give each way to load the image of an index; the cache is warm."""
    targets = torch.zeros(len(paths), dtype=torch.int64)
    transform = compose([v2.RandomResizedCrop(IMAGE_SIZE), v2.RandomHorizontalFlip()])
    files = ImageFilesDataset(paths, targets, transform, 3, "train")
    images = cache_on_disk(root, paths, 3, CACHED_SIDE, cache_dir)
    cached = PackedImagesDataset(paths, targets, transform, images, "train")
    return {
        REFERENCE: reference(paths),
        "decoding alone": decoding_alone(paths),
        "ours": lambda indices: files.__getitems__(indices)[0],
        "ours, warm cache": lambda indices: cached.__getitems__(indices)[0],
    }


def make_large_photographs(folder: str, paths: list[str], count: int) -> list[str]:
    """Enlarge photographs to 12 megapixels, with noise as cameras have it."""
    rng = np.random.default_rng(0)
    for i in range(count):
        with Image.open(paths[i]) as image:
            pixels = np.asarray(image.convert("RGB").resize(LARGE_SIZE, Image.Resampling.BICUBIC))
        noise = rng.integers(-6, 7, pixels.shape, dtype=np.int16)
        Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(Path(folder, f"{i}.jpg"), quality=90)
    return list_images(folder)


def check_equal(load: dict[str, Load], num_images: int, greatest_mean: float) -> None:
    """Compare the crops of the same draws, whose mean difference is of rounding and of scaled decoding alone."""
    for index, seed in enumerate(SampleRandomness(0, range(num_images)).seeds()):
        with torch_seeded(seed):
            expected = load[REFERENCE]([index]).float()
        difference = (load["ours"]([index]).float() - expected).abs().mean().item()
        assert difference < greatest_mean, f"image {index} differs by {difference:.2f} in the mean"


def milliseconds(load: Load, num_images: int, seed: int) -> float:
    """Time per image of one pass."""
    torch.manual_seed(seed)
    start = time.perf_counter()
    for first in range(0, num_images, BATCH_SIZE):
        load(list(range(first, min(first + BATCH_SIZE, num_images))))
    return (time.perf_counter() - start) / num_images * 1e3


def measure(load: dict[str, Load], num_images: int, rounds: int, title: str) -> Table:
    """Tabulate medians over the rounds, and ratios to the reference."""
    times: dict[str, list[float]] = {name: [] for name in load}
    for seed in range(rounds):
        for name, way in load.items():
            times[name].append(milliseconds(way, num_images, seed))
    table = Table("way", "ms per image", "images/s", "times the reference", title=title)
    baseline = statistics.median(times[REFERENCE])
    for name in load:
        median = statistics.median(times[name])
        table.add_row(name, f"{median:.2f}", f"{1e3 / median:,.0f}", f"{baseline / median:.2f}")
    return table


def main() -> None:
    """Print both tables: the photographs of the folder, and large ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="photographs, searched recursively")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--large_images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    paths = list_images(arguments.folder)[: arguments.images]
    decoder = "Pillow" if plain_jpeg.simplejpeg is None else "simplejpeg"
    decoder += ", parts by nvImageCodec" if load_codec() is not None else ""
    with tempfile.TemporaryDirectory() as large_folder, tempfile.TemporaryDirectory() as cache_dir:
        photographs = ways(paths, arguments.folder, cache_dir)
        check_equal(photographs, len(paths), greatest_mean=2)
        title = f"{len(paths)} photographs, JPEG by {decoder}, {arguments.rounds} rounds, one thread"
        Console().print(measure(photographs, len(paths), arguments.rounds, title))
        large_paths = make_large_photographs(large_folder, paths, arguments.large_images)
        large = ways(large_paths, large_folder, cache_dir)
        check_equal(large, len(large_paths), greatest_mean=3)
        title = f"{len(large_paths)} photographs of 12 megapixels, {arguments.rounds} rounds, one thread"
        Console().print(measure(large, len(large_paths), arguments.rounds, title))


if __name__ == "__main__":
    main()
