"""Images as they are looked at, whatever their files hold: upright, of 8 bits, on white."""

import numpy as np
from PIL import ExifTags, Image, ImageOps

from litclassify.files.image_formats import check_depth


def upright(file: Image.Image, mode: str) -> Image.Image:
    """Decode an image and turn it as its EXIF orientation says, laid on white where it is transparent.

    Args:
        file: As Pillow opens it. It may be what is returned.
        mode: `RGB` or `L`.

    Raises:
        OSError: It has 32 bits per pixel and channel. Damage raises whatever Pillow's readers do.
    """
    check_depth(file)
    # Without need, exif_transpose and convert would copy the image.
    image = file if orientation(file) == 1 else ImageOps.exif_transpose(file)
    image = _flatten(_to_8_bits(image))
    image.load()  # What is not copied is not decoded yet.
    return image if image.mode == mode else image.convert(mode)


def orientation(file: Image.Image) -> int:
    """Give the EXIF orientation: 1 is upright."""
    found: int = file.getexif().get(ExifTags.Base.Orientation, 1)
    return found


def _to_8_bits(image: Image.Image) -> Image.Image:
    # Pillow opens 16-bit grayscale as mode I or I;16, and would clip values over 255 instead of scaling them.
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
