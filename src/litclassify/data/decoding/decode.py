"""Image files to tensors, whole or a window of them.

JPEG can be decoded at a half, a quarter or an eighth of its size for a fraction of the time. `decode_window` does so
where an image is much larger than what is kept of it.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor
from torch.nn.functional import interpolate

from litclassify.data.decoding.plain_jpeg import PlainJpeg
from litclassify.errors import UserError
from litclassify.files.image_formats import known_formats
from litclassify.files.regular_file import open_regular
from litclassify.files.upright_images import orientation, upright

RGB = 3
JPEG_REDUCTIONS = (8, 4, 2)
# Share of the pixels from which decoding a part takes as long as decoding them all.
MOST_OF_AN_IMAGE = 0.8
# EXIF orientations that exchange height and width, and those whose left or top is the stored right or bottom.
QUARTER_TURNS = (5, 6, 7, 8)
LEFT_IS_AN_END = (2, 3, 6, 7)
TOP_IS_AN_END = (3, 4, 7, 8)
# Pillow raises all of these on damaged files: SyntaxError from its PNG reader, RuntimeError from those of AVIF and DDS.
DAMAGES = (
    *(OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error, IndexError, KeyError, TypeError),
    *(MemoryError, Image.DecompressionBombError),
)


class UnreadableImageError(UserError):
    """A file cannot be read as an image.

    Args:
        text: The message.
        key: As in `UserError`.
        reason: What is wrong with the file, without its name.
    """

    def __init__(self, text: str, key: str = "", reason: str = "") -> None:
        super().__init__(text, key)
        self.reason = reason


@dataclass(frozen=True)
class Window:
    """A part of an image, and the size (height, width) that it is resized to; all in pixels."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    @property
    def reduction(self) -> int:
        """The most that JPEG can reduce the image by without leaving fewer pixels than are kept."""
        height, width = self.size
        return next((r for r in JPEG_REDUCTIONS if self.height >= r * height and self.width >= r * width), 1)


ChooseWindow = Callable[[int, int], Window]
"""Height and width of an image in, the window to keep of it out."""


def decode_image(path: str, num_channels: int) -> Tensor:
    """Read an image file, turned upright as its EXIF orientation says.

    Transparent images are laid on white; of 16 bits per channel, the upper 8 are kept.

    Returns:
        uint8 (`num_channels`, H, W): grayscale for 1 channel, RGB for 3. The channels of a pixel lie side by side in
        memory, where torch resizes fastest.

    Raises:
        UnreadableImageError: The file cannot be read as an image.
    """
    jpeg = PlainJpeg.read(path) if num_channels == RGB else None
    pixels = None if jpeg is None else jpeg.decode()
    if pixels is not None:
        return _as_tensor(pixels)
    with _open(path) as file:
        return _decode(file, num_channels)


def decode_window(path: str, num_channels: int, choose: ChooseWindow) -> Tensor:
    """Read the window that `choose` wants of an image file, resized bilinearly with antialiasing.

    The window is exact, and where `Window.reduction` is 1, so are the pixels.

    Returns:
        uint8 (`num_channels`, *size of the window); otherwise as `decode_image`.

    Raises:
        UnreadableImageError: The file cannot be read as an image.
    """
    jpeg = PlainJpeg.read(path) if num_channels == RGB else None
    if jpeg is None:
        return _decode_window(path, num_channels, choose)
    window = choose(jpeg.height, jpeg.width)
    resizes = (window.height, window.width) != window.size  # If not, what comes back is a view of the pixels.
    if window.reduction == 1:
        if window.height * window.width < MOST_OF_AN_IMAGE * jpeg.height * jpeg.width:
            part = jpeg.decode_part(window.top, window.left, window.height, window.width, into_scratch=resizes)
            if part is not None:
                return _resized_crop(_as_tensor(part), replace(window, top=0, left=0))
        pixels = jpeg.decode(into_scratch=resizes)
        if pixels is not None:
            return _resized_crop(_as_tensor(pixels), window)
    return _decode_window(path, num_channels, lambda *_: window)


def _decode_window(path: str, num_channels: int, choose: ChooseWindow) -> Tensor:
    with _open(path) as file:
        window = choose(*_upright_size(file))
        if isinstance(file, JpegImageFile) and window.reduction > 1:
            return _decode_reduced(file, num_channels, window)
        return _resized_crop(_decode(file, num_channels), window)


def _resized_crop(image: Tensor, window: Window) -> Tensor:
    pixels = image.permute(1, 2, 0)[window.top : window.top + window.height, window.left : window.left + window.width]
    if tuple(pixels.shape[:2]) == window.size:
        return pixels.permute(2, 0, 1)
    # As a batch of one whose strides leave no doubt of the layout, torch resizes fastest and keeps it.
    batch = pixels.contiguous()[None].permute(0, 3, 1, 2)
    # As torchvision's resize does, without its checks.
    return interpolate(batch, window.size, mode="bilinear", align_corners=False, antialias=True)[0]


def image_size(path: str) -> tuple[int, int]:
    """Read height and width of an image file from its header; they may be exchanged by its EXIF orientation.

    Raises:
        UnreadableImageError: The file cannot be read as an image.
    """
    with _open(path) as file:
        return file.height, file.width


@contextmanager
def _open(path: str) -> Iterator[Image.Image]:
    try:
        # Given a name, Pillow may map the file into memory, and one that shrinks then ends the process.
        with open_regular(path) as stream, Image.open(stream, formats=known_formats()) as file:
            yield file
    except UserError:
        raise
    except DAMAGES as error:
        reason = _reason(error)
        text = f"Cannot read '{path}' as an image: {reason} Repair or remove the file, or see data.on_bad_image."
        raise UnreadableImageError(text, reason=reason) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "The file is not an image of a known format."
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"{reason.rstrip('.')}."


def _decode(file: Image.Image, num_channels: int) -> Tensor:
    return _as_tensor(np.array(upright(file, _mode(num_channels))))


def _decode_reduced(file: JpegImageFile, num_channels: int, window: Window) -> Tensor:
    factor, turn = window.reduction, orientation(file)
    height, width = (pixels / factor for pixels in _upright_size(file))
    file.draft(None, (file.width // factor, file.height // factor))
    image = upright(file, _mode(num_channels))
    # JPEG rounds sizes up, by pixels at the stored right and bottom.
    left = window.left / factor + (image.width - width if turn in LEFT_IS_AN_END else 0)
    top = window.top / factor + (image.height - height if turn in TOP_IS_AN_END else 0)
    box = (left, top, left + window.width / factor, top + window.height / factor)
    # Only Pillow resizes from a box with fractions of pixels, which keeps the window exact.
    return _as_tensor(np.array(image.resize(window.size[::-1], Image.Resampling.BILINEAR, box)))


def _mode(num_channels: int) -> str:
    return "RGB" if num_channels == RGB else "L"


def _upright_size(file: Image.Image) -> tuple[int, int]:
    return file.size if orientation(file) in QUARTER_TURNS else file.size[::-1]


def _as_tensor(pixels: npt.NDArray[np.uint8]) -> Tensor:
    image = torch.from_numpy(pixels)
    return image[None] if image.ndim == 2 else image.permute(2, 0, 1)  # noqa: PLR2004 - grayscale has no channels
