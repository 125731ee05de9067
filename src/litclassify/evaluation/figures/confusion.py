"""The confusion matrix as a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from litclassify.evaluation.evaluation import Evaluation, Floats
from litclassify.evaluation.figures.style import DPI, new_figure, shortened

MAX_NUMBERED = 20
MAX_NAMED = 60
# Share of the colour scale: darker cells are lettered in white.
DARK = 0.6
# Without the palest tones, a single image among many classes, which is a dot of a pixel, can be seen.
WITHOUT_PALE = ListedColormap(colormaps["Blues"](np.linspace(0.4, 1, 256)))


def confusion_figure(evaluation: Evaluation, *, normalised: bool) -> Figure:
    """Draw images by target and prediction: counts, or the shares of each target.

    Up to 20 classes cells hold their number, up to 60 rows have their name. With more, colours are logarithmic: the
    few images off the diagonal would be invisible.
    """
    confusion = evaluation.confusion
    totals = confusion.sum(axis=1, keepdims=True)
    cells: Floats = confusion / np.maximum(totals, 1) if normalised else confusion.astype(float)
    num_classes = evaluation.num_classes
    side = _side(num_classes)
    figure, axes = new_figure(side + 0.8, side)
    picture = axes.imshow(np.ma.masked_equal(cells, 0), interpolation="nearest", **_scale(cells, num_classes))
    figure.colorbar(picture, ax=axes, fraction=0.046, label="share of the target's images" if normalised else "images")
    axes.set(xlabel="prediction", ylabel="target")
    _name(axes, evaluation.class_names)
    if num_classes <= MAX_NUMBERED:
        _number(axes, cells, normalised=normalised)
    return figure


def _side(num_classes: int) -> float:
    """Give the height in inches: room for names, or at least a pixel for each cell."""
    if num_classes <= MAX_NAMED:
        return max(5.6, 2 + 0.3 * num_classes)
    return max(7.0, 2.0 + num_classes / DPI)


def _scale(cells: Floats, num_classes: int) -> dict[str, Any]:
    """Give colours and what they stand for."""
    highest = cells.max()
    if num_classes <= MAX_NAMED:
        return {"cmap": "Blues", "norm": Normalize(0, highest)}
    lowest = cells[cells > 0].min()
    return {"cmap": WITHOUT_PALE, "norm": LogNorm(lowest, max(highest, 2 * lowest))}


def _name(axes: Axes, class_names: Sequence[str]) -> None:
    if len(class_names) > MAX_NAMED:
        return
    ticks, names = range(len(class_names)), shortened(class_names)
    axes.set_xticks(ticks, names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names)


def _number(axes: Axes, cells: Floats, *, normalised: bool) -> None:
    highest = cells.max()
    for row, column in zip(*cells.nonzero(), strict=True):
        value = cells[row, column]
        text = f"{value:.2f}".lstrip("0") if normalised and value < 1 else f"{value:.0f}"
        colour = "white" if value > DARK * highest else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
