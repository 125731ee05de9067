"""Many image files, read one after another or, if they are large, several at a time, with a progress bar."""

import math
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import TypeVar

from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.progress import track

from litclassify.data.decoding.decode import RGB, UnreadableImageError, decode_image, image_size

T = TypeVar("T")

CHUNK = 256
SAMPLE = 64
# Threads wait for each other in Python's code, and win only where a decoder, which lets others run, has much to do.
MIN_PIXELS_FOR_THREADS = 128 * 128


def read_files(read: Callable[[str], T], paths: Sequence[str]) -> Iterator[T]:
    """Give what `read` gives for each of the files, in order."""
    uses_threads = mean_pixels(sample_sizes(paths)) >= MIN_PIXELS_FOR_THREADS
    with ThreadPoolExecutor(usable_cpus()) if uses_threads else nullcontext() as pool:
        apply = map if pool is None else pool.map
        chunks = (apply(read, paths[start : start + CHUNK]) for start in range(0, len(paths), CHUNK))
        results = (result for chunk in chunks for result in chunk)
        console = Console(stderr=True)
        unseen = getattr(rank_zero_only, "rank", 0) > 0 or not console.is_terminal
        yield from track(results, "Reading images", len(paths), console=console, transient=True, disable=unseen)


def find_unreadable(paths: Sequence[str]) -> dict[str, str]:
    """Read every file; give those that cannot be read as an image, with the reason."""

    def reason(path: str) -> str:
        try:
            decode_image(path, RGB)
        except UnreadableImageError as error:
            return error.reason
        return ""

    reasons = zip(paths, read_files(reason, paths), strict=True)
    return {path: reason for path, reason in reasons if reason}


def sample_sizes(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Give height and width, as `image_size` does, of up to `SAMPLE` files, spread evenly, that can be read."""
    sizes = []
    for path in paths[:: math.ceil(len(paths) / SAMPLE) or 1]:
        with suppress(UnreadableImageError):
            sizes.append(image_size(path))
    return sizes


def mean_pixels(sizes: Sequence[tuple[int, int]]) -> float:
    """Give the mean of height times width; 0 if there are none."""
    return statistics.fmean(height * width for height, width in sizes) if sizes else 0.0


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
