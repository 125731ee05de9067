"""What an evaluated classifier is worth: figures, tables and pictures from its logits and the targets."""

from litclassify.evaluation.bootstrap import Interval, bootstrap_intervals
from litclassify.evaluation.evaluation import ClassCounts, Evaluation, class_counts
from litclassify.evaluation.label_evaluation import AnyEvaluation, LabelEvaluation
from litclassify.evaluation.label_metrics import LABEL_METRICS, label_intervals
from litclassify.evaluation.metrics import METRICS, ClassTable, class_table
from litclassify.evaluation.summaries import some_metrics, summary

__all__ = [
    "LABEL_METRICS",
    "METRICS",
    "AnyEvaluation",
    "ClassCounts",
    "ClassTable",
    "Evaluation",
    "Interval",
    "LabelEvaluation",
    "bootstrap_intervals",
    "class_counts",
    "class_table",
    "label_intervals",
    "some_metrics",
    "summary",
]
