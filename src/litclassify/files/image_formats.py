"""The formats of images that are read."""

from functools import cache

from PIL import Image

# What Pillow reads by itself; for others, such as EPS, it starts programs, whatever the file is called.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000"),
    *("DDS", "DIB", "ICO", "PCX", "QOI", "SGI", "TGA"),
)


@cache
def known_formats() -> list[str]:
    """Give Pillow's names of the formats to open, as far as it knows them: older versions lack some."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]
