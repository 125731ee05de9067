"""Learning-rate schedules: pure functions of the step, and the schedulers that apply them.

Every schedule is stated in fractions of the run: it is the same curve over 5 epochs or 50, by the step or the epoch.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

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
    remaining = _remaining(step, total_steps, warmup_steps)
    cosine = (1 - math.cos(math.pi * remaining)) / 2
    return _rise(step, warmup_steps) * (final_scale + (1 - final_scale) * cosine)


def warmup_polynomial(
    step: int, total_steps: int, warmup_steps: int, power: float = 1.0, final_scale: float = 0.0
) -> float:
    """Give the multiplier of the learning rate: a linear rise to 1, then a power of what remains of the run.

    Args:
        step: Steps done so far, from 0. From `total_steps` on the multiplier stays as it is there.
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the rise, as in `warmup_cosine`.
        power: 1 falls linearly to `final_scale`, 2 fast at first; 0 stays at 1.
        final_scale: Multiplier at the end, unless `power` is 0.

    Returns:
        Multiplier of the learning rate, in [0, 1] where `final_scale` is.
    """
    remaining: float = _remaining(step, total_steps, warmup_steps) ** power
    return _rise(step, warmup_steps) * (final_scale + (1 - final_scale) * remaining)


def warmup_multistep(step: int, milestones: Sequence[int], warmup_steps: int, gamma: float = 0.1) -> float:
    """Give the multiplier of the learning rate: a linear rise to 1, then a factor at each milestone.

    Args:
        step: Steps done so far, from 0.
        milestones: Steps from which on the factor holds, in ascending order.
        warmup_steps: Steps of the rise, as in `warmup_cosine`.
        gamma: The factor.
    """
    return _rise(step, warmup_steps) * gamma ** bisect_right(milestones, step)


def _rise(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / (warmup_steps + 1))


def _remaining(step: int, total_steps: int, warmup_steps: int) -> float:
    """Give what remains of the run after its warm-up, in [0, 1]."""
    if step < warmup_steps:
        return 1.0
    return max(0.0, total_steps - step) / max(1, total_steps - warmup_steps)


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
        total, warmup_steps = _whole_steps(total_steps, warmup)
        _check("final_scale", final_scale, 0 <= final_scale <= 1, "from 0 to 1")
        # A function, not a callable object or an attribute: the state dict then holds only numbers.
        super().__init__(optimizer, lambda step: warmup_cosine(step, total, warmup_steps, final_scale))


class WarmupPolynomial(LambdaLR):
    """Raises the learning rate linearly to the optimizer's, then lowers it along a straight line, or another power.

    A function of the step, like `WarmupCosine`.

    Args:
        optimizer: Its learning rate is the highest of the schedule.
        total_steps: Calls of `step()` in the whole run. None: the number of steps (or epochs) that the
            trainer will take; only in a config, plain Python must give it.
        warmup: Fraction of the run spent rising, in [0, 1), rounded to whole steps. 0: no warm-up.
        power: Power of the fraction of the run that remains, at least 0. 1: a straight line. 0: constant after warm-up.
        final_scale: Learning rate at the end, as a fraction of the highest, in [0, 1]. Of no use with power 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: int | None = None,
        warmup: float = 0.05,
        power: float = 1.0,
        final_scale: float = 0.0,
    ) -> None:
        total, warmup_steps = _whole_steps(total_steps, warmup)
        _check("power", power, 0 <= power < math.inf, "at least 0")
        _check("final_scale", final_scale, 0 <= final_scale <= 1, "from 0 to 1")
        if power == 0 and final_scale:
            raise UserError(f"model.lr_scheduler.final_scale is {final_scale}, but with power 0 the rate never falls.")
        super().__init__(optimizer, lambda step: warmup_polynomial(step, total, warmup_steps, power, final_scale))


class WarmupMultiStep(LambdaLR):
    """Raises the learning rate linearly to the optimizer's, then multiplies it by `gamma` at each milestone.

    A function of the step, like `WarmupCosine`.

    Args:
        optimizer: Its learning rate is the highest of the schedule.
        milestones: Fractions of the run, each in (0, 1) and in ascending order. [0.5, 0.75]: after 10 and 15 of 20
            epochs.
        total_steps: Calls of `step()` in the whole run. None: the number of steps (or epochs) that the
            trainer will take; only in a config, plain Python must give it.
        warmup: Fraction of the run spent rising, less than the first milestone, rounded to whole steps. 0: no warm-up.
        gamma: Factor of each milestone, above 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[float],
        total_steps: int | None = None,
        warmup: float = 0.05,
        gamma: float = 0.1,
    ) -> None:
        total, warmup_steps = _whole_steps(total_steps, warmup)
        _check("gamma", gamma, 0 < gamma < math.inf, "above 0")
        places = [0.0, *milestones, 1.0]
        if not milestones or not all(earlier < later for earlier, later in pairwise(places)):
            raise UserError(
                "model.lr_scheduler.milestones must be fractions of the run, each above 0 and below 1 and in ascending "
                f"order, got {list(milestones)}. For epochs 30 and 60 of 90: [0.333, 0.667]."
            )
        if warmup >= milestones[0]:
            raise UserError(
                f"model.lr_scheduler.warmup is {warmup}: it must end before the first milestone, {milestones[0]}."
            )
        steps = [round(milestone * total) for milestone in milestones]
        super().__init__(optimizer, lambda step: warmup_multistep(step, steps, warmup_steps, gamma))


def _whole_steps(total_steps: int | None, warmup: float) -> tuple[int, int]:
    """Check the length of the run, and give it with that of the warm-up.

    Raises:
        UserError: The run has no length, or the warm-up is not a fraction of it.
    """
    if total_steps is None or not 1 <= total_steps < math.inf:
        raise UserError(
            f"model.lr_scheduler.total_steps must be the number of steps of the whole run, got "
            f"{total_steps}. In Python pass it, for instance max_epochs * len(train_loader); in a config "
            f"set trainer.max_epochs or trainer.max_steps and leave it out."
        )
    if not 0 <= warmup < 1:
        raise UserError(
            f"model.lr_scheduler.warmup must be at least 0 and less than 1, got {warmup}: it is a fraction of the run, "
            "0.25 for 5 of 20 epochs."
        )
    return total_steps, min(round(warmup * total_steps), total_steps - 1)  # One is left to anneal.


def _check(name: str, value: float, allowed: bool, words: str) -> None:
    if not allowed:
        raise UserError(f"model.lr_scheduler.{name} must be {words}, got {value}.")
