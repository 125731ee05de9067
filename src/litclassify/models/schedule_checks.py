"""Whether a learning-rate schedule is one for a run of its length."""

import math

from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch.optim.lr_scheduler import LinearLR, LRScheduler, MultiStepLR, OneCycleLR, StepLR

from litclassify.errors import UserError
from litclassify.models.optimization import total_steps
from litclassify.models.run_length import is_fast_dev_run


def check_schedules_reach_the_end(trainer: Trainer) -> None:
    """Refuse to train for longer than a one-cycle schedule, also one that a checkpoint has brought, is made for.

    Raises:
        UserError: Its last step comes before that of training; torch would stop there.
    """
    for config in trainer.lr_scheduler_configs:
        if not isinstance(config.scheduler, OneCycleLR) or trainer.estimated_stepping_batches in (-1, math.inf):
            continue
        length, wanted = config.scheduler.total_steps, total_steps(trainer, config.interval)
        if wanted > length:
            raise UserError(
                f"model.lr_scheduler: this OneCycleLR ends after {length} {config.interval}s, training after {wanted}. "
                "It gets the length of the run by itself without total_steps, and keeps that of the run that goes "
                "on: leave the length as it is, or start from the weights: fit --model.init_from CHECKPOINT."
            )


def check_schedules_have_time(trainer: Trainer) -> None:
    """Refuse a warm-up that is longer than the run, and warn of a schedule that would fall after its end.

    Raises:
        UserError: A `LinearLR` still rises when training ends.
    """
    if is_fast_dev_run(trainer) or trainer.estimated_stepping_batches in (-1, math.inf):
        return
    for config in trainer.lr_scheduler_configs:
        schedule, unit = config.scheduler, config.interval
        length = total_steps(trainer, unit)
        if isinstance(schedule, LinearLR) and schedule.start_factor < schedule.end_factor:
            if schedule.total_iters > length:
                raise UserError(
                    f"model.lr_scheduler.total_iters is {schedule.total_iters} {unit}s, but training ends after "
                    f"{length}: the learning rate would still rise."
                )
        elif (first := _first_fall(schedule)) >= length:
            rank_zero_warn(
                f"model.lr_scheduler {type(schedule).__name__} has no effect: it falls after {first} {unit}s, and "
                f"training ends after {length}."
            )


def _first_fall(schedule: LRScheduler) -> int:
    """Give when a schedule in steps first falls; -1 of others."""
    if isinstance(schedule, MultiStepLR):
        return min(schedule.milestones, default=-1)
    return schedule.step_size if isinstance(schedule, StepLR) else -1
