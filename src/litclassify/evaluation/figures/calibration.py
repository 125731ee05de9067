"""Confidence against accuracy."""

import numpy as np
from matplotlib.figure import Figure

from litclassify.evaluation.calibration import NUM_BINS, expected_calibration_error, reliability_bins
from litclassify.evaluation.evaluation import Evaluation
from litclassify.evaluation.figures.style import BLUE, ORANGE, new_figure, unit_square


def reliability_figure(evaluations: dict[str, Evaluation]) -> Figure:
    """Draw the accuracy of images of about the same confidence over it, one line for each evaluation.

    Points are as large as their share of the images. On the diagonal, confidence is what it says.

    Args:
        evaluations: At most two, by name.
    """
    figure, axes = new_figure()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
    for (name, evaluation), colour in zip(evaluations.items(), (BLUE, ORANGE), strict=False):
        bins = reliability_bins(evaluation.confidences, evaluation.correct)
        known = bins.counts > 0
        error = expected_calibration_error(evaluation.confidences, evaluation.correct)
        axes.plot(bins.confidences[known], bins.accuracies[known], color=colour, label=f"{name}: ECE {error:.3f}")
        sizes = 8 + 200 * bins.counts[known] / len(evaluation)
        axes.scatter(bins.confidences[known], bins.accuracies[known], s=sizes, color=colour, alpha=0.7)
    unit_square(axes, "confidence", "accuracy")
    axes.legend()
    return figure


def confidence_figure(evaluation: Evaluation) -> Figure:
    """Draw how many images have which confidence, right and wrong ones apart."""
    figure, axes = new_figure()
    values = [evaluation.confidences[evaluation.correct], evaluation.confidences[~evaluation.correct]]
    axes.hist(
        values,
        bins=list(np.linspace(0, 1, NUM_BINS + 1)),
        color=[BLUE, ORANGE],
        label=[f"{name}: {len(group)}" for name, group in zip(("right", "wrong"), values, strict=True)],
    )
    axes.set(xlim=(0, 1), xlabel="confidence", ylabel="images", yscale="log")
    axes.legend(loc="upper left")
    return figure
