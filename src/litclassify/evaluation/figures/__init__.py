"""Pictures of an evaluation, for TensorBoard and reports: readable small, and without red against green."""

from litclassify.evaluation.figures.calibration import confidence_figure, reliability_figure
from litclassify.evaluation.figures.classes import class_figure, label_figure
from litclassify.evaluation.figures.confusion import confusion_figure
from litclassify.evaluation.figures.coverage import coverage_figure
from litclassify.evaluation.figures.curves import precision_recall_figure, roc_figure
from litclassify.evaluation.figures.fonts import set_fonts
from litclassify.evaluation.figures.gallery import Example, LabelExample, explanation_figure, gallery_figure
from litclassify.evaluation.figures.overlay import as_rgb, overlay

__all__ = [
    "Example",
    "LabelExample",
    "as_rgb",
    "class_figure",
    "confidence_figure",
    "confusion_figure",
    "coverage_figure",
    "explanation_figure",
    "gallery_figure",
    "label_figure",
    "overlay",
    "precision_recall_figure",
    "reliability_figure",
    "roc_figure",
    "set_fonts",
]
