from litclassify.callbacks.backbone_freezing import BackboneFreezing
from litclassify.callbacks.bad_images import BadImagesSummary
from litclassify.callbacks.configured_patience import ConfiguredPatience
from litclassify.callbacks.curve_layout import CurveLayout
from litclassify.callbacks.ema import EMA
from litclassify.callbacks.embedding_projector import EmbeddingProjector
from litclassify.callbacks.gradient_norm import GradientNorm
from litclassify.callbacks.hyperparameters import HyperparameterLogger
from litclassify.callbacks.interruption import Interruption
from litclassify.callbacks.loss_guard import LossGuard
from litclassify.callbacks.metrics_file import MetricsFile
from litclassify.callbacks.monitor_check import MonitorCheck
from litclassify.callbacks.network_graph import NetworkGraph
from litclassify.callbacks.network_summary import NetworkSummary
from litclassify.callbacks.parameter_group_table import ParameterGroupTable
from litclassify.callbacks.patch_whitening import PatchWhitening
from litclassify.callbacks.prediction_explainer import PredictionExplainer
from litclassify.callbacks.prediction_writer import PredictionWriter
from litclassify.callbacks.progress_bar import EpochProgressBar
from litclassify.callbacks.progressive_resizing import ProgressiveResizing
from litclassify.callbacks.rate_curve import RateCurve, draw_curve
from litclassify.callbacks.rate_range import RateRange
from litclassify.callbacks.resumable_checkpoint import ResumableCheckpoint
from litclassify.callbacks.run_texts import RunTexts
from litclassify.callbacks.sample_images import SampleImages
from litclassify.callbacks.speed_monitor import SpeedMonitor
from litclassify.callbacks.swa import SWA
from litclassify.callbacks.test_report import TestReport
from litclassify.callbacks.test_set_check import TestSetCheck
from litclassify.callbacks.throughput import Throughput
from litclassify.callbacks.time_limit import TimeLimit
from litclassify.callbacks.training_state import TrainingState
from litclassify.callbacks.validation_evaluation import ValidationEvaluation
from litclassify.callbacks.validation_metrics import ValidationMetrics
from litclassify.callbacks.validation_report import ValidationReport
from litclassify.callbacks.weight_histograms import WeightHistograms

__all__ = [
    "EMA",
    "SWA",
    "BackboneFreezing",
    "BadImagesSummary",
    "ConfiguredPatience",
    "CurveLayout",
    "EmbeddingProjector",
    "EpochProgressBar",
    "GradientNorm",
    "HyperparameterLogger",
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
    "RateCurve",
    "RateRange",
    "ResumableCheckpoint",
    "RunTexts",
    "SampleImages",
    "SpeedMonitor",
    "TestReport",
    "TestSetCheck",
    "Throughput",
    "TimeLimit",
    "TrainingState",
    "ValidationEvaluation",
    "ValidationMetrics",
    "ValidationReport",
    "WeightHistograms",
    "draw_curve",
]
