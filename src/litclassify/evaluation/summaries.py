"""The figures that describe an evaluation, whatever it is of."""

from collections.abc import Iterable
from typing import Any

from litclassify.evaluation.label_evaluation import AnyEvaluation, LabelEvaluation
from litclassify.evaluation.label_metrics import LABEL_METRICS
from litclassify.evaluation.metrics import METRICS, ClassTable, Metrics, class_table


def metrics_of(evaluation: AnyEvaluation) -> Metrics[Any]:
    """Give the figures that such an evaluation has."""
    return LABEL_METRICS if isinstance(evaluation, LabelEvaluation) else METRICS


def summary(evaluation: AnyEvaluation, table: ClassTable) -> dict[str, float]:
    """Give the figures of all classes, or all labels, together, by name: those of `METRICS`, or of `LABEL_METRICS`."""
    metrics = metrics_of(evaluation)
    return {name: metrics.value(name, evaluation, table) for name in metrics.names}


def some_metrics(evaluation: AnyEvaluation, names: Iterable[str]) -> dict[str, float]:
    """Give some of the figures of `summary`, without the time that the others take."""
    names, metrics = list(names), metrics_of(evaluation)
    table = class_table(evaluation) if metrics.ranked.keys() & names else None
    return {name: metrics.value(name, evaluation, table) for name in names}
