"""How time and memory grow: with the images and the batch size of a data set in memory, with the files of a folder.

In memory: files of CIFAR-10's format and a cached folder, with made-up images of 3,072 bytes each. Shown are the
set-up, the first batch, the time per image of up to --batches further ones with the default augmentation, and the peak
memory above that of the process before it, over the bytes of the images. Folders: the set-up for training on tiny JPEG
files, at a first and at a second start. Each measurement is a process of its own; what is shown are medians.

Run: python -m benchmarks.scale [--images 1000 10000 100000 1000000] [--files 1000 10000 100000] [--rounds 3]
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.comparison import Command, cpu_environment, print_table
from benchmarks.folders import write_jpegs

IMAGE_BYTES = 3 * 32 * 32
CHUNK = 10_000  # Images that are made up at a time.
TRAIN_FILES = 5
MEMORY_LIMIT = 1.3
Measurement = dict[str, float]


def write_cifar10(root: Path, images: int) -> None:
    """Write training files with `images` made-up images together, and a test file with 10."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for number in range(1, TRAIN_FILES + 1):
        write_records(folder / f"data_batch_{number}.bin", images // TRAIN_FILES)
    write_records(folder / "test_batch.bin", 10)


def write_records(path: Path, images: int) -> None:
    """Write records of a label and the pixels of an image."""
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, images, CHUNK):
            records = rng.integers(0, 256, (min(CHUNK, images - start), 1 + IMAGE_BYTES), dtype=np.uint8)
            records[:, 0] = np.arange(start, start + len(records)) % 10
            file.write(records.tobytes())


def measure(kind: str, root: Path, batch_size: int, arguments: argparse.Namespace) -> Measurement:
    """Run one measurement."""
    words = ["-m", "benchmarks.scale_probe", kind, str(root), str(batch_size), str(arguments.batches)]
    _, printed = Command(words, cpu_environment(arguments.threads)).run()
    measurement: Measurement = json.loads(printed)
    return measurement


def medians(measurements: Iterable[Measurement]) -> Measurement:
    """Give the median of each figure."""
    taken = list(measurements)
    return {key: statistics.median(measurement[key] for measurement in taken) for key in taken[0]}


def write_folder(root: Path, images: int) -> None:
    """Write a folder of training images of the same size."""
    write_jpegs(root / "train", images, (32, 32))


def memory_rows(
    kind: str, write: Callable[[Path, int], None], images: int, arguments: argparse.Namespace
) -> list[list[str]]:
    """Measure a data set of `images` in memory at each batch size."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), images)
        for batch_size in (size for size in arguments.batch_sizes if 2 * size <= images):
            taken = medians(measure(kind, Path(folder), batch_size, arguments) for _ in range(arguments.rounds))
            rows.append(
                [
                    kind,
                    f"{images:,}",
                    f"{batch_size:,}",
                    f"{taken['setup_s']:.2f}",
                    f"{taken['first_batch_s'] * 1e3:.1f}",
                    f"{taken['image_s'] * 1e6:.2f}",
                    f"{taken['bytes'] / 2**20:,.0f}",
                    f"{taken['bytes'] / (images * IMAGE_BYTES):.2f}",
                ]
            )
    return rows


def folder_row(files: int, arguments: argparse.Namespace) -> list[str]:
    """Measure two starts on a folder of `files`, anew in each round."""
    starts: list[list[float]] = [[], []]
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            write_jpegs(Path(folder, "train"), files, (8, 8))
            for start in starts:
                start.append(measure("folder", Path(folder), 1, arguments)["setup_s"])
    first, second = (statistics.median(start) for start in starts)
    return [f"{files:,}", f"{first:.3f}", f"{second:.3f}", f"{second / first:.2f}"]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[64, 512, 4096])
    parser.add_argument("--files", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows = [row for images in arguments.images for row in memory_rows("cifar10", write_cifar10, images, arguments)]
    rows += [row for images in arguments.files for row in memory_rows("cached", write_folder, images, arguments)]
    columns = [
        "data",
        "images",
        "batch size",
        "set-up, s",
        "first batch, ms",
        "an image, µs",
        "memory, MiB",
        "÷ image bytes",
    ]
    print_table(f"In memory; at most {MEMORY_LIMIT} times the bytes of the images is wanted", columns, rows)
    rows = [folder_row(files, arguments) for files in arguments.files]
    print_table("Folders", ["files", "first start, s", "second start, s", "ratio"], rows)


if __name__ == "__main__":
    main()
