"""Precision, recall and false alarms over all thresholds."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from litclassify.evaluation.evaluation import Floats
from litclassify.evaluation.figures.style import COLOURS, GREY, new_figure, shortened, unit_square
from litclassify.evaluation.label_evaluation import AnyEvaluation
from litclassify.evaluation.metrics import ClassTable
from litclassify.evaluation.ranking import Curve

# More lines cannot be told apart: these are the worst.
MAX_NAMED = len(COLOURS)


def precision_recall_figure(evaluation: AnyEvaluation, table: ClassTable) -> Figure:
    """Draw precision over recall of each class or label; the worst by average precision have a colour."""
    figure, axes = new_figure(height=5.3)
    names, areas = evaluation.class_names, table.average_precision
    # Steps to the left, up to the recall before, are what the average precision sums.
    _draw(figure, names, table.curves, areas, lambda curve: (curve.recall, curve.precision), "AP", "steps-pre")
    unit_square(axes, "recall", "precision")
    return figure


def roc_figure(evaluation: AnyEvaluation, table: ClassTable) -> Figure:
    """Draw recall over the false positive rate of each class or label; the worst by area have a colour."""
    figure, axes = new_figure(height=5.3)
    names, areas = evaluation.class_names, table.auroc
    # Straight lines, also over many equal scores, are what the area counts.
    _draw(figure, names, table.curves, areas, lambda curve: (curve.false_positive_rate, curve.recall), "AUC", "default")
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
    unit_square(axes, "false positive rate", "true positive rate")
    return figure


def _draw(
    figure: Figure,
    class_names: Sequence[str],
    curves: Sequence[Curve],
    areas: Floats,
    points: Callable[[Curve], tuple[Floats, Floats]],
    area: str,
    drawstyle: Literal["default", "steps-pre"],
) -> None:
    """Draw the curves of all classes that have one, the best first; the area below each is that of the legend."""
    (axes,) = figure.axes
    known = [k for k in np.argsort(-areas) if not np.isnan(areas[k])]
    names = shortened(class_names)
    coloured = dict(zip(known[-MAX_NAMED:][::-1], COLOURS, strict=False))
    for k in known:
        x, y = points(curves[k])
        label = f"{names[k]}  {area} {areas[k]:.3f}" if k in coloured else None
        width = 1.6 if k in coloured else 0.8
        axes.plot(x, y, drawstyle=drawstyle, color=coloured.get(k, GREY), linewidth=width, label=label)
    if coloured:
        title = "lowest" if len(known) > len(coloured) else None
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(  # Outside: low curves run through all corners.
            handles[::-1], labels[::-1], loc="outside lower center", ncols=2, frameon=False, title=title, fontsize=8
        )
