"""What fine-tuning treats apart in a network: its stages, from the input to the head."""

from itertools import takewhile

from torch import nn

from litclassify.errors import UserError
from litclassify.networks.factory import Network
from litclassify.networks.layer_stages import last_layer

REMEDY = "take TorchvisionNetwork or TimmNetwork, or derive the network from litclassify.networks.Network."


def stages_of(network: nn.Module, key: str) -> list[list[str]]:
    """Give the names of the parameters of each stage, from the input to the head.

    Args:
        network: Any.
        key: What needs them, as typed.

    Raises:
        UserError: The network does not say.
    """
    stages = network.parameter_stages() if isinstance(network, Network) else None
    if not stages:
        raise UserError(
            f"{key} goes by the stages of the network from its input to its head, which "
            f"{type(network).__name__} does not say: leave it out, {REMEDY}"
        )
    if sorted(name for stage in stages for name in stage) != sorted(name for name, _ in network.named_parameters()):
        raise UserError(
            f"{type(network).__name__}.parameter_stages() must give the name of each of its parameters once."
        )
    return stages


def head_of(network: nn.Module, num_classes: int, key: str) -> set[str]:
    """Give the names of the parameters of the layer that gives the logits.

    Of a network that does not say, it is the last that it defines, if that has an output for every class.

    Args:
        network: Any.
        num_classes: Number of its outputs.
        key: What needs the head, as typed.

    Raises:
        UserError: It cannot be told, or is all that the network has.
    """
    head = set(network.head_parameters() if isinstance(network, Network) else _last_layer(network, num_classes))
    if not head:
        raise UserError(f"{key} needs the head of the network, which {type(network).__name__} does not say: {REMEDY}")
    if len(head) == len(list(network.parameters())):
        raise UserError(
            f"{key} sets the head of the network apart, and {type(network).__name__} has nothing else: leave it out."
        )
    return head


def no_weight_decay_of(network: nn.Module) -> set[str]:
    """Give the names of the parameters of more than one dimension that weight decay would harm."""
    return network.no_weight_decay() if isinstance(network, Network) else set()


def _last_layer(network: nn.Module, num_classes: int) -> list[str]:
    """Give the names of the parameters of the last layer, if it has an output for every class."""
    path = last_layer(network)
    parameters = dict(network.get_submodule(path).named_parameters(path)) if path else {}
    return list(parameters) if any(len(parameter) == num_classes for parameter in parameters.values()) else []


def head_module_of(network: nn.Module, num_classes: int, key: str) -> nn.Module:
    """Give the module whose parameters `head_of` names, and whose input are the features; of several, the first."""
    head = head_of(network, num_classes, key)
    owners = [name.split(".")[:-1] for name, _ in network.named_parameters() if name in head]
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*owners, strict=False))
    return network.get_submodule(".".join(level[0] for level in levels) or ".".join(owners[0]))
