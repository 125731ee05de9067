"""Images with what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litclassify.evaluation.figures.overlay import as_rgb, overlay
from litclassify.evaluation.figures.style import DPI, shortened
from litclassify.terminal import printable

COLUMNS = 6
INCHES = 1.55
MAX_PATH = 24
# Between the two images of a pair, their width in such parts.
GAP = 32


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
        axes.imshow(as_rgb(example.image))
        predicted, target = shortened([example.predicted, example.target])
        axes.set_title(
            f"{predicted} {example.confidence:.2f}\nnot {target} {example.probability:.2f}"
            if example.predicted != example.target
            else f"{predicted} {example.confidence:.2f}",
            fontsize=7,
        )
        _finish(axes, example)
    return figure


def explanation_figure(examples: Sequence[Example], maps: NDArray[np.floating[Any]]) -> Figure:
    """Lay images out in rows of three, each twice: where its prediction and where its target is seen.

    Args:
        examples: N images.
        maps: Of prediction and target of each, in [0, 1], (N, 2, H, W).
    """
    columns = COLUMNS // 2
    rows = -(-len(examples) // columns)
    figure = Figure(figsize=(COLUMNS * INCHES, rows * (INCHES + 0.4)), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    for i, (example, pair) in enumerate(zip(examples, maps, strict=True)):
        axes = figure.add_subplot(rows, columns, i + 1)
        left, right = (overlay(example.image, one) for one in pair)
        gap = np.full_like(left[:, : max(1, left.shape[1] // GAP)], 255)
        axes.imshow(np.hstack([left, gap, right]))
        predicted, target = shortened([example.predicted, example.target])
        axes.set_title(f"{predicted} {example.confidence:.2f}", fontsize=7, loc="left")
        axes.set_title(f"{target} {example.probability:.2f}", fontsize=7, loc="right")
        _finish(axes, example)
        axes.spines[:].set_visible(False)
    return figure


def _finish(axes: Axes, example: Example) -> None:
    axes.set_xlabel(_end_of(example.path), fontsize=6, color="0.4")
    axes.set(xticks=[], yticks=[])


def _end_of(path: str) -> str:
    shown = printable(path)
    text = shown if len(shown) <= MAX_PATH else f"…{shown[1 - MAX_PATH :]}"
    return text.replace("$", r"\$")
