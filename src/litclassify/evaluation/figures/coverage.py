"""What rejecting uncertain images would bring."""

from matplotlib.figure import Figure

from litclassify.evaluation.coverage import coverage_curve
from litclassify.evaluation.evaluation import Evaluation
from litclassify.evaluation.figures.style import BLUE, ORANGE, new_figure

# The accuracy of few images is a matter of chance.
MIN_SHARE = 0.1


def coverage_figure(evaluation: Evaluation) -> Figure:
    """Draw the accuracy of the surest images over their share, by confidence and by energy; the rest is rejected."""
    figure, axes = new_figure()
    lowest = 1.0
    for name, scores, colour in (
        ("confidence", evaluation.confidences, BLUE),
        ("energy", evaluation.energies, ORANGE),
    ):
        curve = coverage_curve(evaluation, scores)
        first = int(MIN_SHARE * len(evaluation))
        axes.plot(curve.shares[first:], curve.accuracies[first:], color=colour, label=f"by {name}")
        lowest = min(lowest, float(curve.accuracies[first:].min()))
    margin = 0.05 * (1 - lowest) + 1e-3
    axes.set(xlim=(0, 1), ylim=(lowest - margin, 1 + margin), xlabel="share of images kept", ylabel="their accuracy")
    axes.grid(color="0.92")
    axes.legend(loc="lower left")
    return figure
