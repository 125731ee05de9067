from litclassify.optim.fused import build_optimizer
from litclassify.optim.muon import Muon
from litclassify.optim.scheduler_config import scheduler_config
from litclassify.optim.schedules import WarmupCosine, warmup_cosine

__all__ = ["Muon", "WarmupCosine", "build_optimizer", "scheduler_config", "warmup_cosine"]
