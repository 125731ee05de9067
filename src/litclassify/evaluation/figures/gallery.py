"""Images with what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litclassify.evaluation.figures.overlay import as_rgb, overlay
from litclassify.evaluation.figures.style import DPI, cut, shortened

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

    @property
    def title(self) -> str:
        """The prediction, and what is true; `$` in a name begins no formula."""
        predicted, target = shortened([self.predicted, self.target])
        said = f"{predicted} {self.confidence:.2f}"
        return said if self.predicted == self.target else f"{said}\nnot {target} {self.probability:.2f}"

    @property
    def explained(self) -> tuple[str, str]:
        """What the maps of it are of, left and right."""
        predicted, target = shortened([self.predicted, self.target])
        return f"{predicted} {self.confidence:.2f}", f"{target} {self.probability:.2f}"


@dataclass(frozen=True)
class LabelExample:
    """An image that may have several labels, and one that the classifier got wrong."""

    image: NDArray[Any]
    """As in `Example`."""
    path: str
    label: str
    probability: float
    """The probability of `label`."""
    others: Sequence[str]
    """What is to be seen beside: the labels that it has, or that were predicted."""

    @property
    def title(self) -> str:
        """The label, and below it the others."""
        (label,) = shortened([self.label])
        (others,) = shortened([", ".join(self.others) or "no label"])
        return f"{label} {self.probability:.2f}\n{others}"

    @property
    def explained(self) -> tuple[str, str]:
        """The image is shown beside a map."""
        (label,) = shortened([self.label])
        return "", f"{label} {self.probability:.2f}"


def gallery_figure(examples: Sequence[Example | LabelExample]) -> Figure:
    """Lay images out in rows of six; above each, what was said of it with its probability, below, its path."""
    rows = -(-len(examples) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * INCHES, max(1, rows) * (INCHES + 0.55)), dpi=DPI, layout="constrained")
    for i, example in enumerate(examples):
        axes = figure.add_subplot(rows, COLUMNS, i + 1)
        axes.imshow(as_rgb(example.image))
        axes.set_title(example.title, fontsize=7)
        _finish(axes, example.path)
    return figure


def explanation_figure(examples: Sequence[Example | LabelExample], maps: NDArray[np.floating[Any]]) -> Figure:
    """Lay images out in rows of three, each twice: under one map and another, or without and with its only one.

    Args:
        examples: N images.
        maps: Of prediction and target of each, or of the label, in [0, 1], (N, 2 or 1, H, W).
    """
    columns = COLUMNS // 2
    rows = -(-len(examples) // columns)
    figure = Figure(figsize=(COLUMNS * INCHES, rows * (INCHES + 0.4)), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    for i, (example, own_maps) in enumerate(zip(examples, maps, strict=True)):
        axes = figure.add_subplot(rows, columns, i + 1)
        pictures = [overlay(example.image, one) for one in own_maps]
        left, right = pictures if len(pictures) > 1 else (as_rgb(example.image), *pictures)
        gap = np.full_like(left[:, : max(1, left.shape[1] // GAP)], 255)
        axes.imshow(np.hstack([left, gap, right]))
        of_left, of_right = example.explained
        axes.set_title(of_left, fontsize=7, loc="left")
        axes.set_title(of_right, fontsize=7, loc="right")
        _finish(axes, example.path)
        axes.spines[:].set_visible(False)
    return figure


def _finish(axes: Axes, path: str) -> None:
    axes.set_xlabel(cut(path, MAX_PATH, keeps_end=True), fontsize=6, color="0.4")
    axes.set(xticks=[], yticks=[])
