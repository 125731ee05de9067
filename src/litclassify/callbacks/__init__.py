from litclassify.callbacks.hyperparameters import HyperparameterLogger
from litclassify.callbacks.metrics_file import MetricsFile
from litclassify.callbacks.prediction_writer import PredictionWriter
from litclassify.callbacks.run_texts import RunTexts
from litclassify.callbacks.sample_images import SampleImages

__all__ = ["HyperparameterLogger", "MetricsFile", "PredictionWriter", "RunTexts", "SampleImages"]
