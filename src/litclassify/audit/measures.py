"""All that is measured of an image, in one pass over its file.

Worker processes import this module: it does without torch, which takes seconds to load.
"""

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from litclassify.audit.hashing import SIDE, perceptual_hashes
from litclassify.files.image_formats import known_formats
from litclassify.files.regular_file import open_regular
from litclassify.files.upright_images import orientation, upright

# Sharpness and tones of photographs are measured at this size, which makes them comparable.
LONGER_SIDE = 256
DARK, BRIGHT = 16, 239
# Weights of red, green and blue in the luminance, by ITU-R 601.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Bytes shown of a file that is not an image.
SHOWN_BYTES = 24

Pixels = npt.NDArray[np.uint8]
Source = str | Pixels
"""An image file, or pixels (H, W) or (H, W, 3)."""


@dataclass(slots=True)
class Measures:
    """What is known of an image. Where it cannot be read, `error` says why, and only the first fields hold."""

    error: str = ""
    content_hash: bytes = b""
    """Digest of the file's bytes; empty for an image in memory."""
    format: str = ""
    """Pillow's name of what the file holds, such as JPEG."""
    mode: str = ""
    """Pillow's name of how pixels are stored, such as RGB or I;16."""
    width: int = 0
    height: int = 0
    frames: int = 1
    turned: bool = False
    """Whether an EXIF orientation turns it."""
    transparent: bool = False
    pixel_hash: bytes = b""
    """Digest of the upright pixels in RGB."""
    brightness: float = 0.0
    """Mean gray, from 0 to 255."""
    contrast: float = 0.0
    """Standard deviation over the pixels of the channel that varies most."""
    dark: float = 0.0
    """Share of pixels below 16."""
    bright: float = 0.0
    """Share of pixels above 239."""
    sharpness: float = 0.0
    """Variance of the Laplacian of the gray image, divided by the variance of the gray image."""
    entropy: float = 0.0
    """Entropy of the gray levels, in bits."""
    colour: float = 0.0
    """Mean difference between the largest and smallest channel."""
    thumbnail: Pixels | None = None
    """(32, 32, 3)."""
    hash: int = 0
    mirrored_hash: int = 0


def measure(sources: Sequence[Source]) -> list[Measures]:
    """Measure images; one that cannot be read says why."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what is measured here: large sizes, damaged metadata.
        found = [
            _measure_pixels(source) if isinstance(source, np.ndarray) else _measure_file(source) for source in sources
        ]
    readable = [one for one in found if one.thumbnail is not None]
    if readable:
        thumbnails = np.stack([one.thumbnail for one in readable if one.thumbnail is not None])
        for one, own, mirrored in zip(readable, *perceptual_hashes(gray_of(thumbnails)), strict=True):
            one.hash, one.mirrored_hash = int(own), int(mirrored)
    return found


def gray_of(images: Pixels) -> npt.NDArray[np.float32]:
    """Give the luminance of RGB images (..., 3)."""
    gray: npt.NDArray[np.float32] = np.matmul(images, LUMA)
    return gray


def open_upright(content: BinaryIO) -> Image.Image:
    """Read an image as training does: upright, 8 bits, in RGB, on white."""
    with Image.open(content, formats=known_formats()) as file:
        return upright(file, "RGB")


def _measure_pixels(pixels: Pixels) -> Measures:
    image = Image.fromarray(pixels)
    found = Measures(mode=image.mode, width=image.width, height=image.height)
    _measure_upright(found, image.convert("RGB"))
    return found


def _measure_file(path: str) -> Measures:
    found = Measures()
    content = b""
    try:
        with open_regular(path) as file:
            content = file.read()
        found.content_hash = hashlib.blake2b(content, digest_size=16).digest()
        with Image.open(io.BytesIO(content), formats=known_formats()) as image:
            found.format, found.mode = image.format or "", image.mode
            found.width, found.height = image.size
            found.frames = getattr(image, "n_frames", 1)
            found.turned = orientation(image) != 1
            found.transparent = image.has_transparency_data
            _measure_upright(found, upright(image, "RGB"))
    except Exception as error:  # Pillow's readers raise whatever their parsing meets; an audit goes on.
        found.error, found.thumbnail = _reason(error, content), None
    return found


def _measure_upright(found: Measures, image: Image.Image) -> None:
    digest = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
    digest.update(image.tobytes())
    found.pixel_hash = digest.digest()
    thumbnail = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0))
    found.thumbnail = thumbnail
    found.colour = float(np.ptp(thumbnail.astype(np.int16), axis=2).mean())
    small = _at_most(image, LONGER_SIDE)
    found.contrast = float(np.asarray(small).reshape(-1, 3).std(axis=0).max())
    _measure_gray(found, np.asarray(small.convert("L")))


def _measure_gray(found: Measures, gray: Pixels) -> None:
    counts = np.bincount(gray.ravel(), minlength=256)
    shares = counts / counts.sum()
    levels = np.arange(256)
    found.brightness = float(shares @ levels)
    found.dark, found.bright = float(shares[:DARK].sum()), float(shares[BRIGHT + 1 :].sum())
    present = shares[shares > 0]
    found.entropy = float(-(present * np.log2(present)).sum()) + 0.0
    variance = float(shares @ (levels - found.brightness) ** 2)
    if min(gray.shape) > 2 and variance > 0:  # noqa: PLR2004 - the Laplacian is 3x3
        g = gray.astype(np.float32)
        laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
        found.sharpness = float(laplacian.var()) / variance


def _at_most(image: Image.Image, longer_side: int) -> Image.Image:
    if max(image.size) <= longer_side:
        return image
    scale = longer_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def _reason(error: Exception, content: bytes) -> str:
    """Say what is wrong with a file: the decoder's words, and what the file seems to be."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be opened: {error.strerror}"
    if isinstance(error, UnidentifiedImageError):
        return f"no image: it begins with {content[:SHOWN_BYTES]!r}"
    text = str(error) or "no reason given"
    return text if isinstance(error, (OSError, Image.DecompressionBombError)) else f"{type(error).__name__}: {text}"
