from litclassify.optim.fused import build_optimizer
from litclassify.optim.muon import Muon
from litclassify.optim.scheduler_config import scheduler_config, span_of
from litclassify.optim.schedules import (
    WarmupCosine,
    WarmupMultiStep,
    WarmupPolynomial,
    warmup_cosine,
    warmup_multistep,
    warmup_polynomial,
)

__all__ = [
    "Muon",
    "WarmupCosine",
    "WarmupMultiStep",
    "WarmupPolynomial",
    "build_optimizer",
    "scheduler_config",
    "span_of",
    "warmup_cosine",
    "warmup_multistep",
    "warmup_polynomial",
]
