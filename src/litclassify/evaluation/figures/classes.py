"""Classes side by side."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litclassify.evaluation.evaluation import Evaluation, Floats
from litclassify.evaluation.figures.style import BLUE, ORANGE, new_figure, shortened
from litclassify.evaluation.label_evaluation import AnyEvaluation, LabelEvaluation
from litclassify.evaluation.metrics import ClassTable

MAX_BARS = 25


def class_figure(evaluation: Evaluation, table: ClassTable) -> Figure:
    """Draw the recall, that is, the accuracy, of each class that has images, worst on top; at most the worst 25."""
    figure, axes = _bars(evaluation, table, table.recall, "classes")
    axes.set_xlabel("accuracy of the class (recall)")
    return figure


def label_figure(evaluation: LabelEvaluation, table: ClassTable) -> Figure:
    """Draw F1 and average precision of each label that images have, the lowest F1 on top; at most the lowest 25."""
    figure, axes = _bars(evaluation, table, table.f1, "labels", marks=table.average_precision)
    axes.containers[0].set_label(f"F1 above a probability of {evaluation.threshold:g}")
    axes.collections[0].set_label("average precision")
    handles = [axes.containers[0], axes.collections[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _bars(
    evaluation: AnyEvaluation, table: ClassTable, scores: Floats, kind: str, marks: Floats | None = None
) -> tuple[Figure, Axes]:
    """Draw the lowest scores (K,) of what has images as bars, the lowest on top, and further ones as marks."""
    order = [k for k in np.argsort(scores, kind="stable") if table.support[k]]
    shown = order[:MAX_BARS]
    figure, axes = new_figure(5.6, max(2.0, 1.0 + 0.26 * len(shown)))
    names = shortened(evaluation.class_names)
    axes.barh(range(len(shown)), scores[shown], color=BLUE)
    if marks is not None:
        axes.scatter(marks[shown], range(len(shown)), color=ORANGE, marker="d")
    axes.set_yticks(range(len(shown)), [names[k] for k in shown])
    ends = scores if marks is None else np.maximum(scores, marks) + 0.02
    for row, k in enumerate(shown):
        text = f"{scores[k]:.3f}" if marks is None else f"{scores[k]:.3f}, {marks[k]:.3f}"
        axes.text(ends[k] + 0.01, row, text, va="center", fontsize=8)
    axes.set(xlim=(0, 1.12 if marks is None else 1.25), xticks=np.linspace(0, 1, 6))
    axes.margins(y=0.02)
    if len(order) > len(shown):
        axes.set_title(f"the lowest {len(shown)} of {len(order)} {kind}", fontsize=10)
    axes.invert_yaxis()
    return figure, axes
