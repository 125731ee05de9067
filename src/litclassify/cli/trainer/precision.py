"""`trainer.precision auto`: mixed precision where the device computes bfloat16 itself."""

from typing import Literal

import torch
from lightning.pytorch.cli import LightningArgumentParser

from litclassify.bfloat16 import computes_bfloat16

AUTO = "auto"
FULL = "32-true"
MIXED = "bf16-mixed"


def let_precision_be_automatic(parser: LightningArgumentParser) -> None:
    """Let `trainer.precision` be `auto`, beside what the Trainer takes."""
    action = parser._option_string_actions["--trainer.precision"]
    action._typehint |= Literal["auto"]  # type: ignore[attr-defined] # jsonargparse's ActionTypeHint
    action.help = f"{action.help} auto is {MIXED} where the device computes bfloat16 itself, otherwise {FULL}."


def automatic_precision(accelerator: object) -> tuple[str, str]:
    """Choose a precision.

    Args:
        accelerator: The Trainer's argument.

    Returns:
        The precision, and the reason as a clause.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return _choice(computes_bfloat16("cuda"), name)
    if accelerator == "cpu" or (accelerator == "auto" and not torch.backends.mps.is_available()):
        return _choice(computes_bfloat16("cpu"), "the CPU")
    return _choice(False, f"accelerator {accelerator}")


def _choice(has_bf16: bool, device: str) -> tuple[str, str]:
    if has_bf16:
        return MIXED, f"{device} has instructions for bfloat16"
    return FULL, f"{device} is not known to have instructions for bfloat16"
