"""JPEG files that need nothing but decoding, by a decoder with less work around it than Pillow's.

The decoder is optional, and is the same library: libjpeg-turbo.
"""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from litclassify.data.decoding.jpeg_part import decode_part
from litclassify.files.regular_file import open_regular

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

START = b"\xff\xd8"
# Markers of segments: the second holds EXIF or XMP, either of which can turn an image; after the first come pixels.
START_OF_SCAN, APP1 = 0xDA, 0xE1


@dataclass(frozen=True)
class PlainJpeg:
    """An upright JPEG in colour that is not too large for Pillow, either.

    Args:
        content: The file.
        scan: Where its first scan starts.
        height: In pixels.
        width: In pixels.
    """

    content: bytes
    scan: int
    height: int
    width: int

    @classmethod
    def read(cls, path: str) -> "PlainJpeg | None":
        """Read a file; None if it is any other, cannot be read, or there is no decoder."""
        if simplejpeg is None:
            return None
        try:
            with open_regular(path, buffering=0) as file:  # A buffer would be one copy more.
                if file.read(len(START)) != START:
                    return None
                file.seek(0)
                content = file.read()
            scan = _scan_of_upright(content)
            if scan is None:
                return None
            height, width, colorspace, _ = simplejpeg.decode_jpeg_header(content)
        except (OSError, ValueError, MemoryError):  # Pillow says what is wrong.
            return None
        too_large = Image.MAX_IMAGE_PIXELS is not None and height * width > Image.MAX_IMAGE_PIXELS
        return None if colorspace != "YCbCr" or too_large else cls(content, scan, height, width)

    def decode(self, *, into_scratch: bool = False) -> npt.NDArray[np.uint8] | None:
        """Decode.

        Args:
            into_scratch: Use memory of the thread that the next call overwrites. Fresh memory takes a fifth as long as
                the decoding.

        Returns:
            Pixels (H, W, 3); None if they are damaged, however little: Pillow decides whether to take them.
        """
        buffer = _scratch(3 * self.height * self.width) if into_scratch else None
        try:
            pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(self.content, buffer=buffer)
        except ValueError:
            return None
        return pixels

    def decode_part(
        self, top: int, left: int, height: int, width: int, *, into_scratch: bool
    ) -> npt.NDArray[np.uint8] | None:
        """Decode a part of it, where that can be done; arguments and pixels are as in `jpeg_part.decode_part`."""
        return decode_part(self.content, self.scan, top, left, height, width, into_scratch=into_scratch)


_threads = threading.local()


def _scratch(size: int) -> npt.NDArray[np.uint8]:
    buffer: npt.NDArray[np.uint8] | None = getattr(_threads, "buffer", None)
    if buffer is None or len(buffer) < size:
        buffer = _threads.buffer = np.empty(size, dtype=np.uint8)
    return buffer


def _scan_of_upright(content: bytes) -> int | None:
    """Give where the pixels start; None if metadata come first, or segments that cannot be followed so far."""
    position = len(START)
    while content[position : position + 1] == b"\xff" and position + 4 <= len(content):
        marker = content[position + 1]
        if marker in (START_OF_SCAN, APP1):
            return None if marker == APP1 else position
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return None
