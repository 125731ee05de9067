"""Small features of thumbnails, for a classifier that is trained in seconds."""

import numpy as np
import numpy.typing as npt

from litclassify.audit.measures import Pixels, gray_of

CELL, ORIENTATIONS, COLOUR_GRID = 8, 8, 4

Features = npt.NDArray[np.float32]


def thumbnail_features(thumbnails: Pixels) -> Features:
    """Describe images by histograms of oriented gradients, and by their colours on a coarse grid.

    Source: N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", 2005.

    Args:
        thumbnails: (N, 32, 32, 3).

    Returns:
        (N, F).
    """
    gradients = _oriented_gradients(gray_of(thumbnails) / np.float32(255))
    n, side = len(thumbnails), thumbnails.shape[1] // COLOUR_GRID
    colours = thumbnails.reshape(n, COLOUR_GRID, side, COLOUR_GRID, side, 3).astype(np.float32).mean(axis=(2, 4)) / 255
    return np.concatenate([gradients.reshape(n, -1), colours.reshape(n, -1)], axis=1)


def _oriented_gradients(gray: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give the histograms of 2x2 neighbouring cells, normalised, (N, B, B, 4 * ORIENTATIONS), of images (N, H, W)."""
    down, right = np.gradient(gray, axis=(1, 2))
    length = np.hypot(down, right)
    # Two neighbouring orientations share each gradient, which has no sign.
    place = (np.arctan2(down, right) % np.pi) * (ORIENTATIONS / np.pi)
    n, cells = len(gray), gray.shape[1] // CELL
    histograms = np.empty((n, cells, cells, ORIENTATIONS), dtype=np.float32)
    for k in range(ORIENTATIONS):
        distance = np.abs((place - k + ORIENTATIONS / 2) % ORIENTATIONS - ORIENTATIONS / 2)
        share = length * np.maximum(0, 1 - distance)
        histograms[..., k] = share.reshape(n, cells, CELL, cells, CELL).sum(axis=(2, 4))
    corners = [histograms[:, i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    normalised: npt.NDArray[np.float32] = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-3)
    return normalised
