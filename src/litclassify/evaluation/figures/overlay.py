"""An image with a map of it laid over."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

# From dark blue to yellow in even steps of brightness, with any colour vision.
COLOURS = colormaps["viridis"]
RED_GREEN_BLUE = (0.299, 0.587, 0.114)
# Opacity of the map over the gray image.
SHARE = 0.6


def as_rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Give an image as uint8 (H, W, 3).

    Args:
        image: uint8, or float in [0, 1], (C, H, W); with other than three channels, the first is shown.
    """
    pixels = np.moveaxis(image if len(image) == 3 else image[:1].repeat(3, axis=0), 0, -1)  # noqa: PLR2004
    return pixels if pixels.dtype == np.uint8 else _bytes(pixels)


def overlay(image: NDArray[Any], activation_map: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Colour a gray image by a map, from dark blue for 0 to yellow for 1.

    Args:
        image: uint8, or float in [0, 1], (C, H, W).
        activation_map: In [0, 1], (H, W).

    Returns:
        uint8 (H, W, 3).
    """
    gray = as_rgb(image) @ np.array(RED_GREEN_BLUE) / 255
    return _bytes((1 - SHARE) * gray[..., None] + SHARE * COLOURS(activation_map)[..., :3])


def _bytes(pixels: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    return (pixels * 255).round().clip(0, 255).astype(np.uint8)
