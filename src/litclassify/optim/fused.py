"""Optimizers that update all parameters with one kernel."""

from collections.abc import Callable, Sequence
from typing import Any

from torch.nn import Parameter
from torch.optim import Optimizer

# Elsewhere torch's fused kernels are newer, and not all optimizers have them.
FUSED_DEVICES = ("cpu", "cuda")


def build_optimizer(
    factory: Callable[..., Optimizer], parameters: Sequence[Parameter] | Sequence[dict[str, Any]]
) -> Optimizer:
    """Build an optimizer: fused where torch has that for it and the factory leaves the choice open.

    Args:
        factory: Takes the parameters, gives the optimizer. What it sets of `fused`, `foreach` and `differentiable`
            holds.
        parameters: What to optimize, on their device, or groups of it.
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


def _is_open_to_fusing(optimizer: Optimizer) -> bool:
    defaults = optimizer.defaults
    chosen = defaults.get("fused", False) is not None or defaults.get("foreach") is not None
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return not (chosen or defaults.get("differentiable")) and all(
        parameter.device.type in FUSED_DEVICES and parameter.is_floating_point() for parameter in parameters
    )
