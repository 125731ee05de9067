"""What the Trainer refuses, said with the key as typed."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import StrategyRegistry

from litclassify.cli.known_names import nearest
from litclassify.errors import UserError

# Zero of these divides by zero in the middle of an epoch.
AT_LEAST_ONE = ("accumulate_grad_batches", "check_val_every_n_epoch")
# Of messages that do not name the argument as such, the first that fits.
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
    try:
        return trainer_class(**settings)
    except UserError:
        raise
    except (MisconfigurationException, ValueError, TypeError, ModuleNotFoundError) as error:
        raise explain_refusal(error, settings) from error


def explain_refusal(error: Exception, settings: Mapping[str, Any]) -> UserError:
    """Say which argument of the Trainer a message of Lightning is about, and what there is to choose from."""
    reason = str(error).strip()
    name = named_argument(reason)
    if name is None:
        return UserError(reason)
    value = settings.get(name)
    return UserError(f"trainer.{name} is {value!r}: {_own_words(name, str(value)) or reason}{REMEDIES.get(name, '')}")


def named_argument(reason: str) -> str | None:
    """Give the argument of the Trainer that a message is about; None if it is about none."""
    described = next((name for pattern, name in ARGUMENTS if re.search(pattern, reason)), None)
    words = re.findall(r"[a-z_]{6,}", reason)
    return described or next((word for word in words if word in Trainer.__init__.__annotations__), None)


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
