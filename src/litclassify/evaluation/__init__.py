"""What an evaluated classifier is worth: figures, tables and pictures from its logits and the targets."""

from litclassify.evaluation.bootstrap import Interval, bootstrap_intervals
from litclassify.evaluation.calibration import fit_temperature
from litclassify.evaluation.evaluation import Evaluation
from litclassify.evaluation.metrics import METRICS, ClassTable, class_table, some_metrics, summary

__all__ = [
    "METRICS",
    "ClassTable",
    "Evaluation",
    "Interval",
    "bootstrap_intervals",
    "class_table",
    "fit_temperature",
    "some_metrics",
    "summary",
]
