"""The figures that describe an evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from litclassify.evaluation import class_scores
from litclassify.evaluation.bootstrap import FROM_COUNTS
from litclassify.evaluation.calibration import brier_score, expected_calibration_error
from litclassify.evaluation.evaluation import ClassCounts, Evaluation, Floats
from litclassify.evaluation.label_evaluation import AnyEvaluation
from litclassify.evaluation.ranking import Curve, area_under_roc, average_precision, threshold_curve

AnEvaluation = TypeVar("AnEvaluation", bound=AnyEvaluation)


@dataclass(frozen=True)
class ClassTable:
    """Scores of each class or label, float64 (K,).

    Where no image has it, `auroc` and `average_precision` are nan, and `auroc` where all have it.
    """

    support: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    auroc: Floats
    average_precision: Floats
    curves: Sequence[Curve]
    """One for each class, (K,), thinned for drawing."""


def class_table(evaluation: AnyEvaluation) -> ClassTable:
    """Score each class against all others, or each label by itself."""
    counts = evaluation.counts
    auroc, precisions, curves = [], [], []
    # One after the other: all points of all curves may take more memory than the logits.
    for k, scores in enumerate(evaluation.scores()):
        curve = threshold_curve(scores, evaluation.positives(k))
        auroc.append(area_under_roc(curve))
        precisions.append(average_precision(curve))
        curves.append(curve.thinned())
    return ClassTable(
        support=counts.support,
        precision=class_scores.precision(counts),
        recall=class_scores.recall(counts),
        f1=class_scores.f1(counts),
        auroc=np.array(auroc),
        average_precision=np.array(precisions),
        curves=curves,
    )


@dataclass(frozen=True)
class Metrics(Generic[AnEvaluation]):
    """The figures of all classes together, or of all labels: by name, from what each follows."""

    names: Sequence[str]
    """All of them, in order."""
    from_counts: Mapping[str, Callable[[ClassCounts], Floats]]
    """From how many images have each class, and were predicted to, and both."""
    from_images: Mapping[str, Callable[[AnEvaluation], float]]
    """Means over images, or from bins of them."""
    ranked: Mapping[str, Callable[[ClassTable], Floats]]
    """Means over classes of what sorts the images once for each class."""

    def value(self, name: str, evaluation: AnEvaluation, table: ClassTable | None) -> float:
        """Give one of them; those that are ranked need the table."""
        if name in self.from_counts:
            return float(self.from_counts[name](evaluation.counts))
        if name in self.ranked:
            assert table is not None
            return mean_of_known(self.ranked[name](table))
        return self.from_images[name](evaluation)


METRICS = Metrics[Evaluation](
    names=(
        *("acc", "precision", "recall", "f1", "kappa", "mcc", "auroc", "average_precision"),
        *("nll", "ece", "brier"),
    ),
    from_counts=FROM_COUNTS,
    from_images={
        "acc": lambda evaluation: float(evaluation.correct.mean()),
        "nll": lambda evaluation: float(evaluation.losses.mean()),
        "ece": lambda evaluation: expected_calibration_error(evaluation.confidences, evaluation.correct),
        "brier": brier_score,
    },
    ranked={
        "auroc": lambda table: table.auroc,
        "average_precision": lambda table: table.average_precision,
    },
)
"""For images with one class each.

`precision`, `recall`, `f1`, `auroc` and `average_precision` are means over classes. A class that is predicted but has
no images counts as 0 in the first three: without any such, `recall` is the balanced accuracy. Of probabilities, `nll`
is the mean negative log likelihood, `ece` the expected calibration error over 15 bins and `brier` the Brier score in
[0, 2].
"""


def mean_of_known(values: Floats) -> float:
    """Give the mean of what is a number; nan if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
