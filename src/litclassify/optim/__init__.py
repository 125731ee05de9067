from litclassify.optim.scheduler_config import scheduler_config
from litclassify.optim.schedules import WarmupCosine, warmup_cosine

__all__ = ["WarmupCosine", "scheduler_config", "warmup_cosine"]
