"""Images that are read from files as they are needed."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor

from litclassify.data.datasets import ImageDataset, Split
from litclassify.errors import UserError


class ImageFilesDataset(ImageDataset):
    """A data set of image files, decoded one at a time.

    Args:
        paths: One file per sample.
        targets: int64 (N,); -1 where the class is unknown.
        transform: Applied to each uint8 image (C, H, W); None to leave images as they are.
        num_channels: 1 for grayscale, 3 for RGB, whatever the files hold.
        split: What the samples are for.
    """

    def __init__(
        self,
        paths: Sequence[str],
        targets: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        num_channels: int,
        split: Split,
    ) -> None:
        super().__init__(paths, targets, transform, split)
        self.num_channels = num_channels

    def read(self, index: int) -> Tensor:
        """Decode file `index`; see `decode_image`."""
        return decode_image(self.paths[index], self.num_channels)


def decode_image(path: str, num_channels: int) -> Tensor:
    """Read an image file, turned upright as its EXIF orientation says.

    Transparent images are laid on white; of 16 bits per channel, the upper 8 are kept.

    Returns:
        uint8 (`num_channels`, H, W): grayscale for 1 channel, RGB for 3.

    Raises:
        UserError: The file cannot be read as an image.
    """
    try:
        with Image.open(path) as file:
            image = _to_8_bits(ImageOps.exif_transpose(file))
            pixels: Tensor = pil_to_tensor(_flatten(image).convert("L" if num_channels == 1 else "RGB"))
    # Pillow raises all of these on damaged files; SyntaxError from its PNG reader.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"Cannot read '{path}' as an image: {error}. Repair or remove the file.") from error
    return pixels


def _to_8_bits(image: Image.Image) -> Image.Image:
    # Pillow opens 16-bit grayscale as mode I or I;16, and would clip values over 255 instead of scaling them.
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
