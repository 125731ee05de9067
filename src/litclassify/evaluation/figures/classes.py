"""Classes side by side."""

import numpy as np
from matplotlib.figure import Figure

from litclassify.evaluation.evaluation import Evaluation
from litclassify.evaluation.figures.style import BLUE, new_figure, shortened
from litclassify.evaluation.metrics import ClassTable

MAX_BARS = 25


def class_figure(evaluation: Evaluation, table: ClassTable) -> Figure:
    """Draw the recall, that is, the accuracy, of each class that has images, worst on top; at most the worst 25."""
    order = [k for k in np.argsort(table.recall, kind="stable") if table.support[k]]
    shown = order[:MAX_BARS]
    figure, axes = new_figure(5.6, max(2.0, 1.0 + 0.26 * len(shown)))
    recall = table.recall[shown]
    names = shortened(evaluation.class_names)
    axes.barh(range(len(shown)), recall, color=BLUE)
    axes.set_yticks(range(len(shown)), [names[k] for k in shown])
    for row, value in enumerate(recall):
        axes.text(value + 0.01, row, f"{value:.3f}", va="center", fontsize=8)
    axes.set(xlim=(0, 1.12), xticks=np.linspace(0, 1, 6), xlabel="accuracy of the class (recall)")
    if len(order) > len(shown):
        axes.set_title(f"the lowest {len(shown)} of {len(order)} classes", fontsize=10)
    axes.invert_yaxis()
    return figure
