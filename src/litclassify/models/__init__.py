from litclassify.models.distilled_classifier import DistilledClassifier
from litclassify.models.image_classifier import EvaluationOutput, ImageClassifier, Prediction
from litclassify.models.multi_label_classifier import MultiLabelClassifier
from litclassify.models.run_length import is_fast_dev_run, num_epochs
from litclassify.models.teacher import CheckpointTeacher, NetworkTeacher, Teacher

__all__ = [
    "CheckpointTeacher",
    "DistilledClassifier",
    "EvaluationOutput",
    "ImageClassifier",
    "MultiLabelClassifier",
    "NetworkTeacher",
    "Prediction",
    "Teacher",
    "is_fast_dev_run",
    "num_epochs",
]
