from litclassify.models.distilled_classifier import DistilledClassifier
from litclassify.models.image_classifier import ImageClassifier, Prediction
from litclassify.models.teacher import CheckpointTeacher, NetworkTeacher, Teacher

__all__ = ["CheckpointTeacher", "DistilledClassifier", "ImageClassifier", "NetworkTeacher", "Prediction", "Teacher"]
