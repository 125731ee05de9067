"""The figures that describe an evaluation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litclassify.evaluation import class_scores
from litclassify.evaluation.bootstrap import FROM_COUNTS
from litclassify.evaluation.calibration import brier_score, expected_calibration_error
from litclassify.evaluation.evaluation import Evaluation, Floats
from litclassify.evaluation.label_evaluation import AnyEvaluation
from litclassify.evaluation.ranking import Curve, area_under_roc, average_precision, threshold_curve


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
    """Of each, K, thinned for drawing."""


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


METRICS = (
    *("acc", "precision", "recall", "f1", "kappa", "mcc", "auroc", "average_precision"),
    *("nll", "ece", "brier"),
)
"""Names of the figures of all classes together."""
FROM_IMAGES: Mapping[str, Callable[[Evaluation], float]] = {
    "acc": lambda evaluation: float(evaluation.correct.mean()),
    "nll": lambda evaluation: float(evaluation.losses.mean()),
    "ece": lambda evaluation: expected_calibration_error(evaluation.confidences, evaluation.correct),
    "brier": brier_score,
}
"""Those that are means over images, or come from bins of them."""
RANKED: Mapping[str, Callable[[ClassTable], Floats]] = {
    "auroc": lambda table: table.auroc,
    "average_precision": lambda table: table.average_precision,
}
"""Those that sort the images once for each class."""


def summary(evaluation: Evaluation, table: ClassTable) -> dict[str, float]:
    """Give the figures of all classes together, by name.

    `precision`, `recall`, `f1`, `auroc` and `average_precision` are means over classes. A class that is predicted but
    has no images counts as 0 in the first three: without any such, `recall` is the balanced accuracy.
    Of probabilities, `nll` is the mean negative log likelihood, `ece` the expected calibration error over 15 bins and
    `brier` the Brier score in [0, 2].
    """
    return {name: _metric(name, evaluation, table) for name in METRICS}


def some_metrics(evaluation: Evaluation, names: Iterable[str]) -> dict[str, float]:
    """Give some of the figures of `summary`, without the time that the others take."""
    names = list(names)
    table = class_table(evaluation) if RANKED.keys() & names else None
    return {name: _metric(name, evaluation, table) for name in names}


def _metric(name: str, evaluation: Evaluation, table: ClassTable | None) -> float:
    if name in FROM_COUNTS:
        return float(FROM_COUNTS[name](evaluation.counts))
    if name in RANKED:
        assert table is not None
        return mean_of_known(RANKED[name](table))
    return FROM_IMAGES[name](evaluation)


def mean_of_known(values: Floats) -> float:
    """Give the mean of what is a number; nan if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
