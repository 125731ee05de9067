"""An image and its explanation as a file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from litclassify.evaluation.figures import as_rgb, overlay
from litclassify.files.durable_files import completing

# Smaller images are enlarged, to be seen without a magnifier.
SIDE = 224
GAP = 8


def write_picture(path: Path, image: NDArray[Any], activation_map: NDArray[np.floating[Any]]) -> None:
    """Write an image with the same under its map beside it, as PNG.

    Args:
        path: The file; it has its name when it is complete.
        image: uint8, or float in [0, 1], (C, H, W).
        activation_map: In [0, 1], (H, W).
    """
    factor = max(1, SIDE // max(activation_map.shape))
    left, right = (
        pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        for pixels in (as_rgb(image), overlay(image, activation_map))
    )
    gap = np.full((len(left), GAP, 3), 255, dtype=np.uint8)
    with completing(path) as partial:
        Image.fromarray(np.hstack([left, gap, right])).save(partial, format="PNG")
