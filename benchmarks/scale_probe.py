"""One measurement of benchmarks.scale, in a process of its own, so that its peak memory counts nothing else.

Run: python -m benchmarks.scale_probe cifar10|cached|folder ROOT BATCH_SIZE NUM_BATCHES
"""

import json
import resource
import sys
import time
from itertools import islice

import torch

from litclassify.data import CIFAR10, ImageFolder
from litclassify.data.datamodule import ImageDataModule

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024  # Of ru_maxrss.


def peak_bytes() -> int:
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_UNIT


def open_data(kind: str, root: str, batch_size: int) -> ImageDataModule:
    """Give a data module that loads in this process: files of CIFAR-10, or a folder, cached in memory or not."""
    if kind == "cifar10":
        return CIFAR10(root=root, val_split=0.1, batch_size=batch_size, num_workers=0)
    cache = "ram" if kind == "cached" else None
    return ImageFolder(root, image_size=32, cache=cache, batch_size=batch_size, num_workers=0)


def probe(kind: str, root: str, batch_size: int, num_batches: int) -> dict[str, float]:
    """Set up for training, load a first batch and at most `num_batches` more.

    Returns:
        Seconds of the set-up, of the first batch and per image of the others, and bytes above the base.
    """
    torch.rand(batch_size).sum()  # Belongs to the base: threads of torch.
    base = peak_bytes()
    start = time.perf_counter()
    data = open_data(kind, root, batch_size)
    data.setup("fit")
    ready = time.perf_counter()
    batches = iter(data.train_dataloader())
    next(batches)
    first = time.perf_counter()
    images = sum(len(targets) for _, targets in islice(batches, num_batches))
    end = time.perf_counter()
    return {
        "setup_s": ready - start,
        "first_batch_s": first - ready,
        "image_s": (end - first) / images if images else float("nan"),
        "bytes": peak_bytes() - base,
    }


def main() -> None:
    """Print the measurement as JSON."""
    kind, root, batch_size, num_batches = sys.argv[1:]
    print(json.dumps(probe(kind, root, int(batch_size), int(num_batches))))


if __name__ == "__main__":
    main()
