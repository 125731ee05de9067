"""Optimizers that update all parameters with one kernel."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import SGD, Optimizer

# Elsewhere torch's fused kernels are newer, and not all optimizers have them.
FUSED_DEVICES = ("cpu", "cuda")


def build_optimizer(
    factory: Callable[..., Optimizer], parameters: Sequence[Parameter] | Sequence[dict[str, Any]]
) -> Optimizer:
    """Build an optimizer: fused where torch has that for it and the factory leaves the choice open.

    Args:
        factory: Takes the parameters, gives the optimizer. What it sets of `fused`, `foreach` and `differentiable`
            holds.
        parameters: What to optimize, on their device; or groups of them.
    """
    optimizer = factory(_copied(parameters))
    if not _is_open_to_fusing(optimizer):
        return optimizer
    try:
        return factory(_copied(parameters), fused=True)
    except (
        RuntimeError,
        TypeError,
    ):  # Adagrad has no fused kernel for GPUs; a function may take nothing but parameters.
        return optimizer


def _copied(parameters: Sequence[Parameter] | Sequence[dict[str, Any]]) -> list[Any]:
    """Copy groups: an optimizer writes what it sets into those that it is given."""
    return [dict(item) if isinstance(item, dict) else item for item in parameters]


def start_momentum(optimizer: Optimizer) -> None:
    """Give the momentum of all parameters that are trained a start of zero, where it has none and cannot be without.

    That is the same as none, except under dampening, which then holds for the first step, too. For torch's fused kernel
    of SGD takes the momentum of all parameters of a group or of none: it fails where some are unfrozen later.
    """
    optimizer = getattr(optimizer, "rest", optimizer)  # That of Muon, with which it shares state and groups.
    if not isinstance(optimizer, SGD):
        return
    for group in optimizer.param_groups:
        for parameter in group["params"] if group["fused"] and group["momentum"] else ():
            state = optimizer.state[parameter]
            if parameter.requires_grad and state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(parameter)


def _is_open_to_fusing(optimizer: Optimizer) -> bool:
    defaults = optimizer.defaults
    chosen = defaults.get("fused", False) is not None or defaults.get("foreach") is not None
    return not (chosen or defaults.get("differentiable")) and all(
        parameter.device.type in FUSED_DEVICES and parameter.is_floating_point()
        for group in optimizer.param_groups
        for parameter in group["params"]
    )
