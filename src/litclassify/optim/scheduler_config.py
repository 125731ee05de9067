"""From a schedule's factory to what Lightning steps."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Literal

from lightning.pytorch.cli import LRSchedulerCallable
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from litclassify.errors import UserError

# Schedules that set the learning rate to values of their own.
ABSOLUTE = (CyclicLR, OneCycleLR)
DEFAULT_PLATEAU_MONITOR = "val_loss"
# Arguments of schedules that are learning rates, and take a list of one for each group of parameters.
RATES = ("base_lr", "max_lr", "min_lr")


def span_of(
    factory: LRSchedulerCallable, interval: Literal["auto", "step", "epoch"], total_steps: Callable[[str], int]
) -> tuple[Literal["step", "epoch"], dict[str, int]]:
    """Say when a schedule steps, and give the length of the run as its argument if it wants it.

    Args:
        factory: Takes the optimizer, gives the schedule.
        interval: Unit in which the schedule advances. `auto`: the step if it is stated for a whole run, as one that
            takes `total_steps` is, otherwise the epoch.
        total_steps: Gives the length of the run in a unit, `step` or `epoch`; asked only when the schedule wants it.
    """
    cls, given = _unwrapped(factory)
    takes_length = "total_steps" in inspect.signature(cls).parameters
    if interval == "auto":
        interval = "step" if takes_length else "epoch"
    is_open = given.get("total_steps") is None and given.get("steps_per_epoch") is None
    return interval, {"total_steps": total_steps(interval)} if takes_length and is_open else {}


def scheduler_config(
    factory: LRSchedulerCallable,
    optimizer: Optimizer,
    interval: Literal["step", "epoch"],
    epochs_per_validation: int = 1,
    **arguments: int,
) -> LRSchedulerConfigType:
    """Build the schedule and say when it steps.

    Args:
        factory: Takes the optimizer, gives the schedule.
        optimizer: What the schedule drives.
        interval: Unit in which the schedule advances.
        epochs_per_validation: After how many there is a new value of a validation metric.
        **arguments: What the factory is given besides.

    Returns:
        The `lr_scheduler` entry of `LightningModule.configure_optimizers`.

    Raises:
        UserError: `ReduceLROnPlateau` with interval `step`: its metric is there once an epoch. Or a schedule that
            gives all groups of parameters one learning rate, where the optimizer has several. Or one that would begin
            in its middle.
    """
    before = [float(group["lr"]) for group in optimizer.param_groups]
    rates = {group["lr"] / group.get("lr_scale", 1.0) for group in optimizer.param_groups}
    _, given = _unwrapped(factory)
    _check_begins_at_the_start(given)
    scheduler = factory(optimizer, **_rates_by_group(given, optimizer), **arguments)
    _check_schedule(scheduler, optimizer, interval, rates)
    _warn_of_overruled_rates(scheduler, before)
    if not isinstance(scheduler, ReduceLROnPlateau):
        return {"scheduler": scheduler, "interval": interval}
    monitor = getattr(scheduler, "monitor", DEFAULT_PLATEAU_MONITOR)
    frequency = epochs_per_validation if monitor.startswith("val_") else 1
    return {"scheduler": scheduler, "interval": interval, "monitor": monitor, "frequency": frequency}


def _check_begins_at_the_start(given: Mapping[str, Any]) -> None:
    if given.get("last_epoch", -1) != -1:
        raise UserError(
            f"model.lr_scheduler.last_epoch must be -1, got {given['last_epoch']}: a schedule goes on where it was by "
            "fit --ckpt_path."
        )


def _check_schedule(scheduler: LRScheduler, optimizer: Optimizer, interval: str, rates: Collection[float]) -> None:
    """Refuse a schedule that does not go with the optimizer, or with when it steps.

    Args:
        scheduler: Any schedule, built.
        optimizer: What it drives.
        interval: Unit in which it advances.
        rates: Learning rates of the optimizer before it was built, without the scales of groups.
    """
    groups = optimizer.param_groups  # ReduceLROnPlateau gives them no initial_lr.
    if len(rates) > 1 and len({group.get("initial_lr", group["lr"]) for group in groups}) == 1:
        raise UserError(
            f"model.lr_scheduler: {type(scheduler).__name__} gives all parameters one learning rate, but "
            f"model.optimizer has {len(rates)}: {sorted(rates)}. Take one that scales them, such as WarmupCosine."
        )
    if isinstance(scheduler, ReduceLROnPlateau) and interval == "step":
        raise UserError(
            "ReduceLROnPlateau goes by a metric that is measured once an epoch, got lr_interval 'step': "
            "set model.lr_interval to 'epoch'."
        )


def _warn_of_overruled_rates(scheduler: LRScheduler, given: list[float]) -> None:
    """Say that the optimizer's learning rate has no effect, where a schedule has another of its own.

    Args:
        scheduler: Any schedule, built.
        given: Rate of each group of parameters before that.
    """
    if not isinstance(scheduler, ABSOLUTE):
        return
    groups = scheduler.optimizer.param_groups
    if isinstance(scheduler, CyclicLR):  # An optimizer that begins where a cycle does says the same as the schedule.
        own = [scheduler.base_lrs, scheduler.max_lrs]
    else:
        own = [[group["max_lr"] for group in groups]]
    for group, rate, *rates in zip(groups, given, *own, strict=True):
        if not any(math.isclose(rate, other) for other in rates):
            scale = group.get("lr_scale", 1.0)
            rank_zero_warn(
                f"model.optimizer.lr {rate / scale:g} has no effect: {type(scheduler).__name__} goes up to a max_lr of "
                f"its own, {rates[-1] / scale:g}. Set max_lr: ${{model.optimizer.lr}}, or take a schedule that scales "
                "it, such as WarmupCosine."
            )
            return


def _unwrapped(factory: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Give the class or function that a factory calls in the end, and the arguments that it is given."""
    given: dict[str, Any] = {}
    while isinstance(factory, partial):
        given = {**factory.keywords, **given}
        # jsonargparse hands over partial(instantiate, instantiator, cls, **init_args): the class is an argument.
        factory = next((arg for arg in reversed(factory.args) if inspect.isclass(arg)), factory.func)
    return factory, given


def _rates_by_group(given: dict[str, Any], optimizer: Optimizer) -> dict[str, list[float]]:
    """Give the learning rates among a schedule's arguments for each group, where groups have a scale of their own."""
    scales = [group.get("lr_scale", 1.0) for group in optimizer.param_groups]
    if all(scale == 1 for scale in scales):
        return {}
    return {
        name: [given[name] * scale for scale in scales] for name in RATES if isinstance(given.get(name), int | float)
    }
