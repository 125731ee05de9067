from litclassify.optim.fused import build_optimizer, start_momentum
from litclassify.optim.parameter_groups import ParameterGroups, scale_learning_rates
from litclassify.optim.scheduler_config import scheduler_config
from litclassify.optim.schedules import WarmupCosine, warmup_cosine

__all__ = [
    "ParameterGroups",
    "WarmupCosine",
    "build_optimizer",
    "scale_learning_rates",
    "scheduler_config",
    "start_momentum",
    "warmup_cosine",
]
