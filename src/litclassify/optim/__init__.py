from litclassify.optim.fused import build_optimizer, start_momentum
from litclassify.optim.muon import Muon
from litclassify.optim.parameter_groups import ParameterGroups, scale_learning_rates
from litclassify.optim.scheduler_config import ABSOLUTE, scheduler_config, span_of
from litclassify.optim.schedules import (
    WarmupCosine,
    WarmupMultiStep,
    WarmupPolynomial,
    warmup_cosine,
    warmup_multistep,
    warmup_polynomial,
)

__all__ = [
    "ABSOLUTE",
    "Muon",
    "ParameterGroups",
    "WarmupCosine",
    "WarmupMultiStep",
    "WarmupPolynomial",
    "build_optimizer",
    "scale_learning_rates",
    "scheduler_config",
    "span_of",
    "start_momentum",
    "warmup_cosine",
    "warmup_multistep",
    "warmup_polynomial",
]
