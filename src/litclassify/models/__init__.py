from litclassify.models.image_classifier import ImageClassifier, Prediction
from litclassify.models.multi_label_classifier import MultiLabelClassifier

__all__ = ["ImageClassifier", "MultiLabelClassifier", "Prediction"]
