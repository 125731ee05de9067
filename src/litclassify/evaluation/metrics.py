"""The figures that describe an evaluation."""

from dataclasses import dataclass

import numpy as np

from litclassify.evaluation import class_scores
from litclassify.evaluation.bootstrap import FROM_COUNTS
from litclassify.evaluation.calibration import brier_score, expected_calibration_error
from litclassify.evaluation.class_scores import class_counts
from litclassify.evaluation.evaluation import Evaluation, Floats
from litclassify.evaluation.ranking import area_under_roc, average_precision, threshold_curve


@dataclass(frozen=True)
class ClassTable:
    """Scores of each class, float64 (K,). Where no image has the class, `auroc` and `average_precision` are nan."""

    support: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    auroc: Floats
    average_precision: Floats


def class_table(evaluation: Evaluation) -> ClassTable:
    """Score each class against all others."""
    counts = class_counts(evaluation.confusion)
    columns = np.ascontiguousarray(evaluation.probabilities.T)
    curves = [threshold_curve(scores, evaluation.targets == k) for k, scores in enumerate(columns)]
    return ClassTable(
        support=counts.support,
        precision=class_scores.precision(counts),
        recall=class_scores.recall(counts),
        f1=class_scores.f1(counts),
        auroc=np.array([area_under_roc(curve) for curve in curves]),
        average_precision=np.array([average_precision(curve) for curve in curves]),
    )


def summary(evaluation: Evaluation, table: ClassTable) -> dict[str, float]:
    """Give the figures of all classes together, by name.

    `precision`, `recall` (also called balanced accuracy), `f1`, `auroc` and `average_precision` are means over classes.
    Of probabilities, `nll` is the mean negative log likelihood, `ece` the expected calibration error over 15 bins and
    `brier` the Brier score in [0, 2].
    """
    counts = class_counts(evaluation.confusion)
    return {
        "acc": float(evaluation.correct.mean()),
        **{name: float(score(counts)) for name, score in FROM_COUNTS.items()},
        "auroc": _mean_of_known(table.auroc),
        "average_precision": _mean_of_known(table.average_precision),
        "nll": float(evaluation.losses.mean()),
        "ece": expected_calibration_error(evaluation.confidences, evaluation.correct),
        "brier": brier_score(evaluation),
    }


def _mean_of_known(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
