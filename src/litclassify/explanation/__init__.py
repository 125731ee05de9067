"""Where in an image a network sees a class."""

from litclassify.explanation.activation_map import class_activation_map
from litclassify.explanation.feature_layer import find_feature_layer

__all__ = ["class_activation_map", "find_feature_layer"]
