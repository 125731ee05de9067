"""What the Trainer refuses, said with the key as typed."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import StrategyRegistry
from lightning.pytorch.utilities import rank_zero_warn

from litclassify.callbacks.evaluation.loader_images import several_loaders
from litclassify.cli.checkpoints.checks import weights_do_not_fit
from litclassify.errors import UserError, reason_of
from litclassify.suggestions import nearest

# Zero of these divides by zero in the middle of an epoch.
AT_LEAST_ONE = ("accumulate_grad_batches", "check_val_every_n_epoch")
# Above 1 they are counts, also if they are written with a point.
LIMITS = ("overfit_batches", *(f"limit_{kind}_batches" for kind in ("train", "val", "test", "predict")))
# For messages that do not name the argument as such: the first that fits is taken.
ARGUMENTS = (
    (r"gpu backend|invalid accelerator|Accelerator` can not run|torch_xla", "accelerator"),
    (r"[Ss]trategy|DeepSpeed", "strategy"),
    (r"`?devices|You requested gpu|parse the .*device", "devices"),
    (r"transformer_engine|bitsandbytes|[Pp]recision", "precision"),
    (r"Timer", "max_time"),
)
REMEDIES = {
    "accelerator": "\nSet it to auto, or add --trainer configs/trainer/cpu.yaml.",
    "devices": "\nIt is a count from 1, or, of GPUs, a list of their numbers; -1 takes all GPUs, auto decides.",
}


def build_trainer(trainer_class: Callable[..., Trainer], settings: Mapping[str, Any]) -> Trainer:
    """Build a Trainer from its arguments.

    Raises:
        UserError: It refuses them, or they would fail later.
    """
    for name in AT_LEAST_ONE:
        if settings[name] is not None and settings[name] < 1:
            raise UserError(f"trainer.{name} must be at least 1, got {settings[name]}.")
    for name in LIMITS:
        if (settings[name] or 0) > sys.maxsize:
            raise UserError(f"trainer.{name} must be under 2^63, got {settings[name]}.")
    clip = settings["gradient_clip_val"]
    if clip is not None and not clip >= 0:
        raise UserError(f"trainer.gradient_clip_val must be at least 0, got {clip}.")
    try:
        trainer = trainer_class(**settings)
    except UserError:
        raise
    except (MisconfigurationException, ValueError, TypeError, ModuleNotFoundError) as error:
        raise _refusal(error, _described_argument(str(error)), settings) from error
    if settings["gradient_clip_algorithm"] is not None and not clip:
        rank_zero_warn(
            f"trainer.gradient_clip_algorithm {settings['gradient_clip_algorithm']} has no effect without "
            "trainer.gradient_clip_val."
        )
    return trainer


@contextmanager
def refusals_explained(settings: Mapping[str, Any], resumed: bool) -> Iterator[None]:
    """Say which argument of the Trainer is refused while it runs, or that a checkpoint does not fit.

    Of a plain ValueError, which anything may raise, that is known only where it names the argument as Lightning does.

    Args:
        settings: Arguments of the Trainer.
        resumed: Whether it loads a checkpoint that the user gave.

    Raises:
        UserError: Either of these.
    """
    try:
        yield
    except UserError:
        raise
    except MisconfigurationException as error:
        raise _refusal(error, _described_argument(str(error)), settings) from error
    except ValueError as error:
        name = _quoted_argument(str(error))
        if name is None:
            raise
        raise _refusal(error, name, settings) from error
    except RuntimeError as error:
        several = re.match(r"You provided multiple `(\w+)`", str(error))
        if several is not None:
            raise several_loaders(several[1]) from error
        if not resumed or "Error(s) in loading state_dict" not in str(error):
            raise
        raise weights_do_not_fit(str(error)) from error


def _refusal(error: Exception, name: str | None, settings: Mapping[str, Any]) -> UserError:
    """Say which argument an exception is about, and what there is to choose from."""
    reason = reason_of(error)
    if name is None:
        return UserError(reason)
    if name in LIMITS and settings.get("overfit_batches"):  # It stands for all of them.
        name, reason = LIMITS[0], reason.replace(name, LIMITS[0])
    value = settings.get(name)
    return UserError(f"trainer.{name} is {value!r}: {_own_words(name, str(value)) or reason}{REMEDIES.get(name, '')}")


def _quoted_argument(reason: str) -> str | None:
    """Give the first argument of the Trainer that a message has in backticks, or as `name=value`."""
    return _first_argument(re.findall(r"(?<=`)[a-z_]+(?=`)|\b[a-z_]+(?==)", reason))


def _described_argument(reason: str) -> str | None:
    """Give the argument of the Trainer that a message of Lightning is about; None if it is about none."""
    described = next((name for pattern, name in ARGUMENTS if re.search(pattern, reason)), None)
    return described or _first_argument(re.findall(r"[a-z_]{6,}", reason))


def _first_argument(words: Iterable[str]) -> str | None:
    return next((word for word in words if word in Trainer.__init__.__annotations__), None)


def _own_words(name: str, value: str) -> str | None:
    """Say what is wrong with a name that Lightning looks up; None for other arguments, and for other reasons."""
    if name == "strategy" and value not in StrategyRegistry:
        return f"there is no such strategy.{nearest(value, StrategyRegistry)}"
    if name != "accelerator":
        return None
    known = [*AcceleratorRegistry, "gpu", "auto"]
    if value not in known:
        return f"there is no such accelerator.{nearest(value, known)}"
    usable = [known for known, entry in AcceleratorRegistry.items() if entry["accelerator"].is_available()]
    return f"torch finds none on this machine. It has {', '.join(sorted(usable))}."
