"""From a schedule's factory to what Lightning steps."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from lightning.pytorch.cli import LRSchedulerCallable
from lightning.pytorch.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from litclassify.errors import UserError

DEFAULT_PLATEAU_MONITOR = "val_loss"
# Arguments of schedules that are learning rates, and take a list of one for each group of parameters.
RATES = ("base_lr", "max_lr", "min_lr")


def scheduler_config(
    factory: LRSchedulerCallable,
    optimizer: Optimizer,
    interval: Literal["step", "epoch"],
    total_steps: Callable[[], int],
) -> LRSchedulerConfigType:
    """Build the schedule and say when it steps.

    Args:
        factory: Takes the optimizer, gives the schedule.
        optimizer: What the schedule drives.
        interval: Unit in which the schedule advances.
        total_steps: Gives the length of the run in that unit; asked only when the schedule wants it.

    Returns:
        The `lr_scheduler` entry of `LightningModule.configure_optimizers`.

    Raises:
        UserError: `ReduceLROnPlateau` with interval `step`: its metric is there once an epoch.
    """
    schedule, given = _class_and_arguments(factory)
    arguments: dict[str, Any] = _rates_by_group(given, optimizer)
    if _wants_total_steps(schedule, given):
        arguments["total_steps"] = total_steps()
    scheduler = factory(optimizer, **arguments)
    if not isinstance(scheduler, ReduceLROnPlateau):
        return {"scheduler": scheduler, "interval": interval}
    if interval == "step":
        raise UserError(
            "ReduceLROnPlateau goes by a metric that is measured once an epoch, got lr_interval 'step': "
            "set model.lr_interval to 'epoch'."
        )
    return {
        "scheduler": scheduler,
        "interval": interval,
        "monitor": getattr(scheduler, "monitor", DEFAULT_PLATEAU_MONITOR),
    }


def _class_and_arguments(factory: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Give the class or function that a factory calls in the end, and what it is told to call it with."""
    given: dict[str, Any] = {}
    while isinstance(factory, partial):
        given = {**factory.keywords, **given}
        # jsonargparse hands over partial(instantiate, instantiator, cls, **init_args): the class is an argument.
        factory = next((arg for arg in reversed(factory.args) if inspect.isclass(arg)), factory.func)
    return factory, given


def _wants_total_steps(schedule: Callable[..., Any], given: dict[str, Any]) -> bool:
    """Say whether a schedule takes `total_steps` and its length is not given in another way."""
    if "total_steps" not in inspect.signature(schedule).parameters:
        return False
    return given.get("total_steps") is None and given.get("steps_per_epoch") is None


def _rates_by_group(given: dict[str, Any], optimizer: Optimizer) -> dict[str, list[float]]:
    """Give the learning rates among a schedule's arguments for each group, where groups have a scale of their own."""
    scales = [group.get("lr_scale", 1.0) for group in optimizer.param_groups]
    if all(scale == 1 for scale in scales):
        return {}
    return {
        name: [given[name] * scale for scale in scales] for name in RATES if isinstance(given.get(name), int | float)
    }
