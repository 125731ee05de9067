"""Images that are decoded and shrunk once, and then kept: in a file for all runs to come, or in memory for this one."""

import hashlib
import io
import math
import os
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
from filelock import FileLock, Timeout
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torchvision.transforms import v2

from litclassify.data.datamodule import usable_cpus
from litclassify.data.decode import Window, decode_window, image_size
from litclassify.data.first_transform import FirstWindow
from litclassify.data.packed_images import PackedImages, PackedImagesFile, pack_images
from litclassify.errors import UserError

VERSION = 1
"""To be raised whenever the same files would give other pixels."""
CHUNK = 256
SAMPLE = 64
MAX_SMALL_BYTES = 1 << 30
# Threads wait for each other in Python's code, and win only where a decoder, which lets others run, has much to do.
MIN_PIXELS_FOR_THREADS = 128 * 128


@dataclass(frozen=True)
class Shrink:
    """The whole image, with a shorter side of at most `shorter_side` pixels: larger ones are resized to it."""

    shorter_side: int

    def __call__(self, height: int, width: int) -> Window:
        """The window of an image of that size."""
        if min(height, width) <= self.shorter_side:
            return Window(0, 0, height, width, (height, width))
        return FirstWindow(v2.Resize(self.shorter_side))(height, width)


def is_small(paths: Sequence[str], num_channels: int, shorter_side: int) -> bool:
    """Whether images fit in memory as they are: `SAMPLE` of them, spread evenly, decide for all.

    None of these has more than `shorter_side` pixels on its shorter side, and `MAX_SMALL_BYTES` hold as many images as
    there are `paths`, of their mean size.
    """
    try:
        sizes = _some_sizes(paths)
    except UserError:
        return False  # Decoding says what is wrong, if the image is used at all.
    nbytes = num_channels * _mean_pixels(sizes) * len(paths)
    return max(map(min, sizes)) <= shorter_side and nbytes <= MAX_SMALL_BYTES


def _some_sizes(paths: Sequence[str]) -> list[tuple[int, int]]:
    return [image_size(path) for path in paths[:: math.ceil(len(paths) / SAMPLE)]]


def _mean_pixels(sizes: Sequence[tuple[int, int]]) -> float:
    return statistics.fmean(height * width for height, width in sizes)


def cache_in_memory(paths: Sequence[str], num_channels: int, shorter_side: int) -> PackedImages:
    """Decode and shrink images; each is as large as `Shrink` makes it.

    Raises:
        UserError: A file cannot be read as an image.
    """
    memory = io.BytesIO()
    pack_images(memory, bytes(32), _decode_all(paths, num_channels, shorter_side), len(paths))
    return PackedImages(np.frombuffer(memory.getbuffer(), dtype=np.uint8), paths, num_channels)


def cache_on_disk(root: str, paths: Sequence[str], num_channels: int, shorter_side: int, folder: str) -> PackedImages:
    """The same, in a file in `folder`, which is written anew whenever an image has come, gone or changed.

    Of several processes, one writes and the others wait. The file appears under its name when it is complete.

    Args:
        root: What relative paths begin with. A copy of it, with the times of the files, can use the same cache.
        paths: The images.
        num_channels: 1 for grayscale, 3 for RGB.
        shorter_side: In pixels; see `Shrink`.
        folder: Made if it does not exist.

    Raises:
        UserError: A file cannot be read as an image, or `folder` not be written to.
    """
    digest = fingerprint(root, paths, num_channels, shorter_side)
    file = os.path.join(folder, f"{'gray' if num_channels == 1 else 'rgb'}_{shorter_side}.images")
    open_file = partial(PackedImagesFile, file, digest, paths, num_channels)
    try:
        return open_file()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        pass  # It is to be written, or written anew.
    try:
        os.makedirs(folder, exist_ok=True)
        with _alone(f"{file}.lock"):
            try:
                return open_file()  # Another process has just written it.
            except (FileNotFoundError, ValueError):
                _write(file, digest, paths, num_channels, shorter_side)
                return open_file()
    except OSError as error:
        raise UserError(
            f"data.cache: cannot write to '{folder}': {error.strerror}. Set data.cache_dir to a folder that you may "
            "write to, with enough room, or leave out data.cache."
        ) from error


def fingerprint(root: str, paths: Sequence[str], num_channels: int, shorter_side: int) -> bytes:
    """Digest of all that the cached pixels depend on: names, sizes and times of the files, and how they are resized."""
    statuses = map(os.stat, paths)
    files = [
        f"{status.st_size} {status.st_mtime_ns} {path.removeprefix(root)}"
        for status, path in zip(statuses, paths, strict=True)
    ]
    known = "\0".join([f"{VERSION} {num_channels} {shorter_side}", *files])
    return hashlib.sha256(os.fsencode(known)).digest()


def _write(file: str, digest: bytes, paths: Sequence[str], num_channels: int, shorter_side: int) -> None:
    rank_zero_info(f"Decoding {len(paths)} images into '{file}'.")
    partial_file = f"{file}.part"  # Only one process at a time writes it: the one that has the lock.
    try:
        with open(partial_file, "wb") as output:
            pack_images(output, digest, _decode_all(paths, num_channels, shorter_side), len(paths))
            output.flush()
            os.fsync(output.fileno())
        os.replace(partial_file, file)
    except BaseException:
        if os.path.exists(partial_file):
            os.unlink(partial_file)
        raise


def _decode_all(paths: Sequence[str], num_channels: int, shorter_side: int) -> Iterator[Tensor]:
    def decode(path: str) -> Tensor:
        return decode_window(path, num_channels, Shrink(shorter_side))

    uses_threads = _mean_pixels(_some_sizes(paths)) >= MIN_PIXELS_FOR_THREADS
    with ThreadPoolExecutor(usable_cpus()) if uses_threads else nullcontext() as pool:
        apply = map if pool is None else pool.map
        chunks = (apply(decode, paths[start : start + CHUNK]) for start in range(0, len(paths), CHUNK))
        images = (image for chunk in chunks for image in chunk)
        console = Console(stderr=True)
        unseen = getattr(rank_zero_only, "rank", 0) > 0 or not console.is_terminal
        yield from track(images, "Reading images", len(paths), console=console, transient=True, disable=unseen)


def _alone(lock_file: str) -> AbstractContextManager[object]:
    """A lock that is held until the context ends; the system frees it if its process dies."""
    lock = FileLock(lock_file)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        rank_zero_info(f"Waiting for another process that is writing '{lock_file.removesuffix('.lock')}'.")
        return lock.acquire()
