"""The search for a learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jsonargparse import Namespace, dict_to_namespace
from PIL import Image

from litclassify.cli.config.keys import as_typed, short_name
from litclassify.cli.runs.directory import LR_SEARCH
from litclassify.cli.search.rate_range import RateRange
from litclassify.cli.search.trial import trial_trainer
from litclassify.errors import UserError
from litclassify.optim import ABSOLUTE
from litclassify.optim.rate_range import exponential_rates, smoothed, valley

# Those of fastai, but for the lowest: below it no optimizer learns.
LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 100
OPTIMIZER = "model.optimizer"


@dataclass(frozen=True)
class RateSearch:
    """The losses of a search, and what they say."""

    rates: list[float]
    """What was tried before the loss diverged."""
    losses: list[float]
    """Smoothed, one for each rate."""
    found: dict[str, float]
    """The learning rate of the optimizer, and those of optimizers in it, by key as typed."""
    file_name: ClassVar[str] = LR_SEARCH

    @property
    def flags(self) -> str:
        """What sets them on a command line."""
        return " ".join(f"--{key} {rate:g}" for key, rate in self.found.items())

    @property
    def picture(self) -> Image.Image:
        """The losses over the rates, with the one that was found."""
        from litclassify.cli.search.figures import rate_figure, rendered  # noqa: PLC0415 - matplotlib is slow

        return rendered(rate_figure(self.rates, self.losses, self.found[f"{OPTIMIZER}.lr"]))


def check_rate_search(config: Namespace, *, resumes: bool) -> None:
    """Refuse a search whose result nothing would take.

    Args:
        config: Of a `fit`.
        resumes: Whether it goes on with the optimizer of a checkpoint.

    Raises:
        UserError: It resumes, the schedule sets rates of its own, or the optimizer has no learning rate.
    """
    if resumes:
        raise UserError(
            "find_lr: a resumed run goes on with the learning rate of its optimizer. Leave it out, or start from the "
            "weights alone: fit --model.init_from CHECKPOINT."
        )
    schedule = config.model.init_args.lr_scheduler
    if isinstance(schedule, Namespace) and short_name(schedule.class_path) in {cls.__name__ for cls in ABSOLUTE}:
        raise UserError(
            f"find_lr: {short_name(schedule.class_path)} sets learning rates of its own, so that {OPTIMIZER}.lr has no "
            "effect. Take a schedule that scales it, such as WarmupCosine."
        )
    rates = rates_in(config.model.init_args.optimizer)
    wrong = [key for key, rate in rates.items() if not isinstance(rate, float | int) or rate <= 0]
    if f"{OPTIMIZER}.lr" not in rates or wrong:
        raise UserError(f"find_lr: {(wrong or [f'{OPTIMIZER}.lr'])[0]} must be a number above 0, to begin with.")


def search_rate(built: Namespace, config: Namespace, lowest: float, highest: float, steps: int) -> RateSearch:
    """Train at ever higher learning rates, those of all parameters in the ratio that the config gives.

    Args:
        built: Model, data and arguments of the Trainer; spent afterwards.
        config: What they were built from.
        lowest: First learning rate of the optimizer.
        highest: Last one.
        steps: How many.

    Raises:
        UserError: The loss diverges at once.
    """
    before = rates_in(config.model.init_args.optimizer)
    reference = before[f"{OPTIMIZER}.lr"]
    rates = exponential_rates(lowest, highest, steps)
    observer = RateRange(rates, reference)
    built.model.optimization.lr_scheduler = None
    trial_trainer(built.trainer.as_dict(), steps, observer).fit(built.model, datamodule=built.data)
    losses = smoothed(observer.losses)[:-1] if len(observer.losses) < steps else smoothed(observer.losses)
    if len(losses) < 10:  # noqa: PLR2004
        raise UserError(
            f"find_lr: the loss diverged after {len(losses)} steps, at a learning rate of {rates[len(losses)]:.2g}. "
            "Search from a lower one: find lr --min_lr."
        )
    factor = float(f"{rates[valley(losses)]:.2g}") / reference
    return RateSearch(rates[: len(losses)], losses, {key: float(f"{lr * factor:.4g}") for key, lr in before.items()})


def apply_rates(optimizer: Namespace, found: Mapping[str, float]) -> None:
    """Write learning rates, by key as typed, into the configuration of an optimizer."""
    for key in _places_of_rates(optimizer):
        optimizer[key] = found[as_typed(f"{OPTIMIZER}.{key}")]


def stored_rates(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give those of the optimizer of a checkpoint's configuration, by key as typed."""
    optimizer = config.get("model", {}).get("init_args", {}).get("optimizer")
    return rates_in(dict_to_namespace({"optimizer": optimizer}).optimizer)


def rates_in(optimizer: Any) -> dict[str, Any]:
    """Give the learning rates of an optimizer's configuration, and of optimizers in it, by key as typed."""
    return {as_typed(f"{OPTIMIZER}.{key}"): optimizer[key] for key in _places_of_rates(optimizer)}


def _places_of_rates(optimizer: Any) -> list[str]:
    keys = optimizer.keys() if isinstance(optimizer, Namespace) else ()  # The keys of all levels, with dots between.
    return [key for key in keys if key.rpartition(".")[2] == "lr"]
