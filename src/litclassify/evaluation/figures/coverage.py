"""What rejecting uncertain images would bring."""

import numpy as np
from matplotlib.figure import Figure

from litclassify.evaluation.evaluation import Evaluation
from litclassify.evaluation.figures.style import BLUE, new_figure

COVERAGES = (1.0, 0.9, 0.8, 0.5)


def coverage_figure(evaluation: Evaluation) -> Figure:
    """Draw the accuracy of the most confident images over their share; the rest would be rejected.

    Marked coverages have the threshold on the confidence that gives them.
    """
    figure, axes = new_figure()
    order = np.argsort(-evaluation.confidences, kind="stable")
    accuracy = np.cumsum(evaluation.correct[order]) / np.arange(1, len(order) + 1)
    coverage = np.arange(1, len(order) + 1) / len(order)
    axes.plot(coverage, accuracy, color=BLUE)
    for share in COVERAGES:
        last = max(1, round(share * len(order))) - 1
        threshold = evaluation.confidences[order[last]]
        axes.scatter(coverage[last], accuracy[last], color=BLUE, s=20, zorder=3)
        axes.annotate(
            f"{accuracy[last]:.3f}\n≥ {threshold:.2f}",
            (coverage[last], accuracy[last]),
            xytext=(-4, -8),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
        )
    lowest = float(accuracy[len(order) // 10 :].min())
    axes.set(xlim=(0, 1.02), ylim=(lowest - 0.35 * (1.02 - lowest), 1.02), xlabel="coverage", ylabel="accuracy")
    axes.grid(color="0.92")
    return figure
