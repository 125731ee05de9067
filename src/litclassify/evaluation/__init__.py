"""What an evaluated classifier is worth: figures, tables and pictures from its logits and the targets."""

from litclassify.evaluation.bootstrap import Interval, bootstrap_intervals
from litclassify.evaluation.calibration import fit_temperature
from litclassify.evaluation.evaluation import Evaluation
from litclassify.evaluation.label_evaluation import AnyEvaluation, LabelEvaluation
from litclassify.evaluation.label_metrics import label_intervals, label_summary, summary_of
from litclassify.evaluation.metrics import METRICS, ClassTable, class_table, some_metrics, summary

__all__ = [
    "METRICS",
    "AnyEvaluation",
    "ClassTable",
    "Evaluation",
    "Interval",
    "LabelEvaluation",
    "bootstrap_intervals",
    "class_table",
    "fit_temperature",
    "label_intervals",
    "label_summary",
    "some_metrics",
    "summary",
    "summary_of",
]
