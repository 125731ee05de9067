from litclassify.models.image_classifier import ImageClassifier, Prediction

__all__ = ["ImageClassifier", "Prediction"]
