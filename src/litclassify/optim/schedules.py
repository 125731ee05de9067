"""Learning-rate schedules: pure functions of the step, and the schedulers that apply them."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from litclassify.errors import UserError


def warmup_cosine(step: int, total_steps: int, warmup_steps: int, final_scale: float = 0.0) -> float:
    """Give the multiplier of the learning rate: a linear rise to 1, then half a cosine down to `final_scale`.

    Sources: https://arxiv.org/abs/1706.02677, section 2.2 (warm-up), and https://arxiv.org/abs/1608.03983,
    eq. 5 (cosine).

    Args:
        step: Steps done so far, from 0. From `total_steps` on the multiplier stays at `final_scale`.
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the rise. Step 0 already has 1 / (warmup_steps + 1), step `warmup_steps` has 1.
        final_scale: Multiplier at the end.

    Returns:
        Multiplier of the learning rate, in [0, 1] where `final_scale` is.
    """
    if step >= total_steps:
        return final_scale
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return final_scale + (1 - final_scale) * (1 + math.cos(math.pi * progress)) / 2


class WarmupCosine(LambdaLR):
    """Raises the learning rate linearly to the optimizer's, then lowers it along half a cosine.

    Sources: https://arxiv.org/abs/1706.02677 (warm-up) and https://arxiv.org/abs/1608.03983 (cosine). The
    schedule is a function of the step: a run resumed with the same arguments goes on as if it had never
    stopped, and one resumed with another `total_steps` goes on along the new curve.

    Args:
        optimizer: Its learning rate is the highest of the schedule.
        total_steps: Calls of `step()` in the whole run. None: the number of steps (or epochs) that the
            trainer will take; only in a config, plain Python must give it.
        warmup: Fraction of the run spent rising, in [0, 1), rounded to whole steps. 0: no warm-up.
        final_scale: Learning rate at the end, as a fraction of the highest, in [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: int | None = None,
        warmup: float = 0.05,
        final_scale: float = 0.0,
    ) -> None:
        if total_steps is None or not 1 <= total_steps < math.inf:
            raise UserError(
                f"model.lr_scheduler.total_steps must be the number of steps of the whole run, got "
                f"{total_steps}. In Python pass it, for instance max_epochs * len(train_loader); in a config "
                f"set trainer.max_epochs or trainer.max_steps and leave it out."
            )
        _check_fraction("warmup", warmup, 0 <= warmup < 1, "at least 0 and less than 1")
        _check_fraction("final_scale", final_scale, 0 <= final_scale <= 1, "from 0 to 1")
        warmup_steps = round(warmup * total_steps)
        # A function, not a callable object or an attribute: the state dict then holds only numbers.
        super().__init__(optimizer, lambda step: warmup_cosine(step, total_steps, warmup_steps, final_scale))


def _check_fraction(name: str, value: float, allowed: bool, words: str) -> None:
    if not allowed:
        raise UserError(f"model.lr_scheduler.{name} must be {words}, got {value}.")
