"""Images with what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litclassify.evaluation.figures.style import DPI, shortened

COLUMNS = 6
INCHES = 1.55
MAX_PATH = 24


@dataclass(frozen=True)
class Example:
    """An image of the data set, and what the classifier says of it."""

    image: NDArray[Any]
    """uint8, or float in [0, 1], (C, H, W); with other than three channels, the first is shown."""
    path: str
    target: str
    predicted: str
    confidence: float
    """Probability of `predicted`."""
    probability: float
    """Probability of `target`."""


def gallery_figure(examples: Sequence[Example]) -> Figure:
    """Lay images out in rows of six; above each, prediction and target with their probabilities, below, its path."""
    rows = -(-len(examples) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * INCHES, max(1, rows) * (INCHES + 0.55)), dpi=DPI, layout="constrained")
    for i, example in enumerate(examples):
        axes = figure.add_subplot(rows, COLUMNS, i + 1)
        _show(axes, example.image)
        predicted, target = shortened([example.predicted, example.target])
        axes.set_title(
            f"{predicted} {example.confidence:.2f}\nnot {target} {example.probability:.2f}"
            if example.predicted != example.target
            else f"{predicted} {example.confidence:.2f}",
            fontsize=7,
        )
        axes.set_xlabel(_end_of(example.path), fontsize=6, color="0.4")
        axes.set(xticks=[], yticks=[])
    return figure


def _end_of(path: str) -> str:
    text = path if len(path) <= MAX_PATH else f"…{path[1 - MAX_PATH :]}"
    return text.replace("$", r"\$")


def _show(axes: Axes, image: NDArray[Any]) -> None:
    pixels = np.moveaxis(image, 0, -1)
    if pixels.shape[-1] == 3:  # noqa: PLR2004
        axes.imshow(pixels)
    else:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=255 if pixels.dtype == np.uint8 else 1)
