from litclassify.callbacks.averaging.ema import EMA
from litclassify.callbacks.averaging.swa import SWA
from litclassify.callbacks.backbone_freezing import BackboneFreezing
from litclassify.callbacks.console.bad_images import BadImagesSummary
from litclassify.callbacks.console.data_summary import DataSummary
from litclassify.callbacks.console.network_summary import NetworkSummary
from litclassify.callbacks.console.parameter_group_table import ParameterGroupTable
from litclassify.callbacks.console.progress_bar import EpochProgressBar
from litclassify.callbacks.evaluation.metrics_file import MetricsFile
from litclassify.callbacks.evaluation.test_report import TestReport
from litclassify.callbacks.evaluation.validation_metrics import ValidationMetrics
from litclassify.callbacks.evaluation.validation_report import ValidationReport
from litclassify.callbacks.guarding.gradient_norm import GradientNorm
from litclassify.callbacks.guarding.image_size_check import ImageSizeCheck
from litclassify.callbacks.guarding.loss_guard import LossGuard
from litclassify.callbacks.guarding.monitor_check import MonitorCheck
from litclassify.callbacks.guarding.test_set_check import TestSetCheck
from litclassify.callbacks.patch_whitening import PatchWhitening
from litclassify.callbacks.predicting.prediction_explainer import PredictionExplainer
from litclassify.callbacks.predicting.prediction_writer import PredictionWriter
from litclassify.callbacks.progressive_resizing import ProgressiveResizing
from litclassify.callbacks.resuming.configured_patience import ConfiguredPatience
from litclassify.callbacks.resuming.interruption import Interruption
from litclassify.callbacks.resuming.resumable_checkpoint import ResumableCheckpoint
from litclassify.callbacks.resuming.time_limit import TimeLimit
from litclassify.callbacks.resuming.training_state import TrainingState
from litclassify.callbacks.tensorboard.curve_layout import CurveLayout
from litclassify.callbacks.tensorboard.embedding_projector import EmbeddingProjector
from litclassify.callbacks.tensorboard.hyperparameters import HyperparameterLogger
from litclassify.callbacks.tensorboard.network_graph import NetworkGraph
from litclassify.callbacks.tensorboard.run_texts import RunTexts
from litclassify.callbacks.tensorboard.sample_images import SampleImages
from litclassify.callbacks.tensorboard.speed_monitor import SpeedMonitor
from litclassify.callbacks.tensorboard.weight_histograms import WeightHistograms

__all__ = [
    "EMA",
    "SWA",
    "BackboneFreezing",
    "BadImagesSummary",
    "ConfiguredPatience",
    "CurveLayout",
    "DataSummary",
    "EmbeddingProjector",
    "EpochProgressBar",
    "GradientNorm",
    "HyperparameterLogger",
    "ImageSizeCheck",
    "Interruption",
    "LossGuard",
    "MetricsFile",
    "MonitorCheck",
    "NetworkGraph",
    "NetworkSummary",
    "ParameterGroupTable",
    "PatchWhitening",
    "PredictionExplainer",
    "PredictionWriter",
    "ProgressiveResizing",
    "ResumableCheckpoint",
    "RunTexts",
    "SampleImages",
    "SpeedMonitor",
    "TestReport",
    "TestSetCheck",
    "TimeLimit",
    "TrainingState",
    "ValidationMetrics",
    "ValidationReport",
    "WeightHistograms",
]
