"""From the arguments that say how a classifier is optimized to what Lightning steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from litclassify.errors import UserError, refusal_of
from litclassify.lightning_state import validates_by_the_clock
from litclassify.models.initial_weights import NETWORK_PREFIX
from litclassify.models.run_length import num_epochs
from litclassify.optim import ParameterGroups, build_optimizer, scale_learning_rates, scheduler_config, span_of

# A resumed run whose learning rate changes by less than this factor says nothing of it.
NOTABLE_JUMP = 1.5
# Relative error of a learning rate that is computed anew: an unchanged schedule keeps its rate to the last bit.
ROUNDING = 1e-6
Parameters = list[nn.Parameter] | list[dict[str, Any]]


@dataclass
class Optimization:
    """The optimizer of a run, its schedule and its groups of parameters: the arguments of `ImageClassifier`."""

    optimizer: OptimizerCallable
    lr_scheduler: LRSchedulerCallable | None
    lr_interval: Literal["auto", "step", "epoch"]
    parameter_groups: ParameterGroups | None

    def __post_init__(self) -> None:
        if self.lr_scheduler is None and self.lr_interval != "auto":
            rank_zero_warn(f"model.lr_interval {self.lr_interval} has no effect: there is no model.lr_scheduler.")

    def grouped(self, network: nn.Module, num_classes: int, parameters: Mapping[str, nn.Parameter]) -> Parameters:
        """Give all parameters as the optimizer takes them.

        Args:
            network: The network.
            num_classes: Number of its outputs.
            parameters: Those of the classifier, by name: the network's, and those of a loss.

        Raises:
            UserError: The network does not say its stages, where `parameter_groups` goes by them.
        """
        if self.parameter_groups is None:
            return list(parameters.values())
        others = {name: value for name, value in parameters.items() if not name.startswith(NETWORK_PREFIX)}
        return self.parameter_groups(network, num_classes, others)

    def configure(self, parameters: Parameters, trainer: Trainer) -> OptimizerLRScheduler:
        """Build the optimizer and its schedule, told how long the run is.

        Raises:
            UserError: One of them refuses its arguments, or a schedule needs the length of a run that has none, or a
                metric of validations that not every epoch has.
        """
        with refusal_of("model.optimizer"):
            optimizer = self._build_optimizer(parameters, trainer)
        if optimizer.defaults.get("differentiable"):
            raise UserError(
                "model.optimizer.differentiable must be false: it is for code that differentiates the steps themselves."
            )
        if self.lr_scheduler is None:
            return optimizer
        interval, length = span_of(self.lr_scheduler, self.lr_interval, lambda unit: total_steps(trainer, unit))
        with refusal_of("model.lr_scheduler"):
            validations = trainer.check_val_every_n_epoch or 1  # Null where they are counted in batches.
            schedule = scheduler_config(self.lr_scheduler, optimizer, interval, validations, **length)
        if "monitor" in schedule:
            check_every_epoch_is_validated(str(schedule["monitor"]), trainer)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _build_optimizer(self, parameters: Parameters, trainer: Trainer) -> Optimizer:
        # Lightning clips no gradients of fused optimizers under mixed precision: their kernel unscales them, too.
        if trainer.gradient_clip_val and trainer.precision.endswith("-mixed"):
            return scale_learning_rates(self.optimizer(parameters))
        return scale_learning_rates(build_optimizer(self.optimizer, parameters))


def check_every_epoch_is_validated(monitor: str, trainer: Trainer) -> None:
    """Refuse a schedule that goes by a metric of validations after each epoch, where not each has one.

    Args:
        monitor: The metric.
        trainer: That of the run, with its data.

    Raises:
        UserError: Validations go by the clock, or come after more batches than an epoch has.
    """
    if not monitor.startswith("val_") or not trainer.enable_validation:
        return
    if validates_by_the_clock(trainer):
        given, allowed = "a time", "a number of batches, or a part of an epoch"
    elif trainer.check_val_every_n_epoch is None:
        trainer.fit_loop.setup_data()
        batches = trainer.num_training_batches
        if trainer.val_check_interval <= batches:
            return
        given = f"{trainer.val_check_interval} batches, with trainer.check_val_every_n_epoch null"
        allowed = f"{batches}, the batches of an epoch, or less"
    else:
        return
    raise UserError(
        f"model.lr_scheduler: ReduceLROnPlateau goes by '{monitor}' after each epoch, but not each has a validation: "
        f"trainer.val_check_interval is {given}. Set it to {allowed}, or go by train_loss."
    )


def go_by_the_new_length(trainer: Trainer) -> None:
    """Let a run go on along the curve of a schedule whose length has changed with the run's, and say where it jumps.

    That holds for schedules that are a function of the step, as those in fractions of the run are. Optimizer and
    schedule bring the rate of their checkpoint, and would take the new one with their next step, or epoch, alone.
    """
    for config in trainer.lr_scheduler_configs:
        if not isinstance(config.scheduler, LambdaLR):
            continue
        schedule, groups = config.scheduler, config.scheduler.optimizer.param_groups
        factors = [scale(schedule.last_epoch) for scale in schedule.lr_lambdas]
        rates = [float(base) * factor for base, factor in zip(schedule.base_lrs, factors, strict=True)]
        before = [float(group["lr"]) for group in groups]
        if all(math.isclose(*pair, rel_tol=ROUNDING) for pair in zip(rates, before, strict=True)):
            continue
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        schedule._last_lr = list(rates)
        _report_jump(type(schedule).__name__, *max(zip(rates, before, strict=True)))


def _report_jump(schedule: str, rate: float, before: float) -> None:
    if not before / NOTABLE_JUMP <= rate <= before * NOTABLE_JUMP:
        rank_zero_info(
            f"{schedule} goes by the new length of the run: the learning rate goes on at {rate:.3g}, and was "
            f"{before:.3g} at the checkpoint."
        )


def total_steps(trainer: Trainer, interval: str) -> int:
    """Give the length of a run in steps of the optimizer or in epochs.

    Raises:
        UserError: It is open.
    """
    length = num_epochs(trainer) if interval == "epoch" else trainer.estimated_stepping_batches
    if length is None or length in (-1, math.inf):
        raise UserError(
            "model.lr_scheduler needs the length of the run, which is open: set trainer.max_epochs or "
            "trainer.max_steps, or give the schedule its total_steps."
        )
    return max(1, int(length))  # For no epochs at all, Lightning gives the steps of one.
