"""The formats of images that are read."""

from functools import cache

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

MAX_BITS = 16

# What Pillow reads by itself; for others, such as EPS, it starts programs, whatever the file is called.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000"),
    *("DDS", "DIB", "ICO", "PCX", "QOI", "SGI", "TGA"),
)
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".jpx", ".jpf", ".dds", ".pcx", ".qoi", ".sgi", ".tga"),
)
"""Endings, in lower case, of files that are taken for images in a folder.

Not those of GIF, as in torchvision: what lies so among photographs is a placeholder or an animation.
"""


@cache
def known_formats() -> list[str]:
    """Give Pillow's names of the formats to open, as far as it knows them: older versions lack some."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def check_depth(file: Image.Image) -> None:
    """Refuse an image whose values have no known black and white.

    Args:
        file: As Pillow opens it, not decoded yet.

    Raises:
        OSError: It has 32 bits per pixel and channel, integers or floats.
    """
    # Pillow opens 16-bit grayscale as mode I, too: PNG in older versions, PPM, and TIFF with signed numbers.
    bits = file.tag_v2.get(ExifTags.Base.BitsPerSample, ()) if isinstance(file, TiffImageFile) else ()
    if file.mode == "F" or (file.mode == "I" and max(bits, default=MAX_BITS) > MAX_BITS):
        raise OSError("32 bits per pixel, of which nothing says what values are black and white: save it with 8 or 16.")
