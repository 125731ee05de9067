"""Images that are decoded and shrunk once, and then kept: in a file for all runs to come, or in memory for this one."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torchvision.transforms import v2

from litclassify.data.augmentation.covering_resize import CoveringResize
from litclassify.data.datasets.packed_images import PackedImages, PackedImagesFile, pack_images
from litclassify.data.decoding.decode import UnreadableImageError, Window, decode_window
from litclassify.data.decoding.first_transform import FirstWindow
from litclassify.data.decoding.reading import find_unreadable, mean_pixels, read_files, sample_sizes
from litclassify.errors import UserError
from litclassify.files.durable_files import replacing
from litclassify.files.locks import exclusive

VERSION = 1
"""To be raised whenever the same files would give other pixels."""
MAX_SMALL_BYTES = 1 << 30


@dataclass(frozen=True)
class Shrink:
    """The whole image, no larger than is needed to cover `size`; others are resized.

    Args:
        size: Height and width in pixels; one number is the shorter side.
    """

    size: int | tuple[int, int]

    def __call__(self, height: int, width: int) -> Window:
        """The window of an image of that size."""
        resize = v2.Resize(self.size) if isinstance(self.size, int) else CoveringResize(self.size)
        window = FirstWindow(resize)(height, width)
        return window if window.size[0] < height else Window(0, 0, height, width, (height, width))


def is_small(paths: Sequence[str], num_channels: int, size: int | tuple[int, int]) -> bool:
    """Whether images fit in memory as they are: some of them, spread evenly, decide for all.

    `Shrink` leaves these as they are, and `MAX_SMALL_BYTES` hold as many images as
    there are `paths`, of their mean size.
    """
    sizes = sample_sizes(paths)  # Decoding says what is wrong with the others, if they are used at all.
    nbytes = num_channels * mean_pixels(sizes) * len(paths)
    stay = [Shrink(size)(*found).size == found for found in sizes]
    return bool(stay) and all(stay) and nbytes <= MAX_SMALL_BYTES


def cache_in_memory(
    paths: Sequence[str], num_channels: int, size: int | tuple[int, int], *, passes_over: bool = False
) -> PackedImages:
    """Decode and shrink images; each is as large as `Shrink` makes it.

    Args:
        paths: The images.
        num_channels: 1 for grayscale, 3 for RGB.
        size: In pixels; see `Shrink`.
        passes_over: Whether images that cannot be read are missing in what is returned.

    Raises:
        UnreadableImageError: A file cannot be read as an image, and is not to be passed over.
    """
    memory = io.BytesIO()
    pack_images(memory, bytes(32), _decode_all(paths, num_channels, size, passes_over), len(paths))
    return PackedImages(np.frombuffer(memory.getbuffer(), dtype=np.uint8), paths, num_channels)


def cache_on_disk(
    root: str,
    paths: Sequence[str],
    num_channels: int,
    size: int | tuple[int, int],
    folder: str,
    *,
    passes_over: bool = False,
) -> PackedImages:
    """The same, in a file in `folder`, which is written anew whenever an image has come, gone or changed.

    Of several processes, one writes and the others wait. The file appears under its name when it is complete.

    Args:
        root: What relative paths begin with. A copy of it, with the times of the files, can use the same cache.
        paths: The images.
        num_channels: 1 for grayscale, 3 for RGB.
        size: In pixels; see `Shrink`.
        folder: Made if it does not exist.
        passes_over: As in `cache_in_memory`.

    Raises:
        UserError: A file cannot be read as an image, and is not to be passed over, or `folder` not be written to.
    """
    digest = fingerprint(root, paths, num_channels, size)
    name = f"{'gray' if num_channels == 1 else 'rgb'}_{size if isinstance(size, int) else 'x'.join(map(str, size))}"
    file = os.path.join(folder, f"{name}.images")

    def open_file() -> PackedImagesFile:
        images = PackedImagesFile(file, digest, paths, num_channels)
        if images.missing and not (passes_over and len(find_unreadable(images.missing)) == len(images.missing)):
            raise ValueError(f"'{file}' lacks images that could be read by now")
        return images

    try:
        return open_file()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        pass  # It is to be written, or written anew.
    try:
        os.makedirs(folder, exist_ok=True)
        with exclusive(f"{file}.lock", f"writing '{file}'"):
            try:
                return open_file()  # Another process has just written it.
            except (FileNotFoundError, ValueError):
                _write(file, digest, paths, _decode_all(paths, num_channels, size, passes_over))
                return PackedImagesFile(file, digest, paths, num_channels)
    except OSError as error:
        raise UserError(
            f"data.cache: cannot write to '{folder}': {error.strerror}. Set data.cache_dir to a folder that you may "
            "write to, with enough room, or leave out data.cache."
        ) from error


def fingerprint(root: str, paths: Sequence[str], num_channels: int, size: int | tuple[int, int]) -> bytes:
    """Digest of all that the cached pixels depend on: names, sizes and times of the files, and how they are resized."""
    files = [f"{_state(path)} {path.removeprefix(root)}" for path in paths]
    known = "\0".join([f"{VERSION} {num_channels} {size}", *files])
    return hashlib.sha256(os.fsencode(known)).digest()


def _state(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "none"  # The file has vanished, or a link to it leads nowhere.
    return f"{status.st_size} {status.st_mtime_ns}"


def _write(file: str, digest: bytes, paths: Sequence[str], images: Iterator[Tensor | None]) -> None:
    rank_zero_info(f"Decoding {len(paths)} images into '{file}'.")
    with replacing(Path(file)) as output:  # Only one process at a time writes it: the one that has the lock.
        pack_images(output, digest, images, len(paths))


def _decode_all(
    paths: Sequence[str], num_channels: int, size: int | tuple[int, int], passes_over: bool
) -> Iterator[Tensor | None]:
    def decode(path: str) -> Tensor | None:
        try:
            return decode_window(path, num_channels, Shrink(size))
        except UnreadableImageError:
            if passes_over:
                return None
            raise

    return read_files(decode, paths)
