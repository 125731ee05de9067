"""The stages of a network, as it defines them: its layers and blocks, from the input to the head."""

from collections.abc import Iterator, Sequence

from torch import nn

# They compute their parts one after the other.
SEQUENCES = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layer_stages(network: nn.Module, sequences: Sequence[type[nn.Module]] = ()) -> list[list[str]]:
    """Take a network apart into its layers and blocks, in the order in which it defines them.

    What weighs nothing together, such as a normalisation or an embedding of positions, belongs to the stage before it.

    Args:
        network: Defines its layers in the order in which it computes them.
        sequences: Modules to take apart beside torch's own sequences and lists.

    Returns:
        Names of the parameters of each stage, the head's last.
    """
    stages: list[list[str]] = []
    without_layer: list[str] = []
    unique = {name for name, _ in network.named_parameters()}  # Weights that are tied come under their first name.
    for part, is_layer in _parts(network, (*SEQUENCES, *sequences)):
        names = [name for name in part if name in unique]
        if is_layer and names:
            stages.append([*without_layer, *names])
            without_layer = []
        else:
            (stages[-1] if stages else without_layer).extend(names)
    return stages


def _parts(
    module: nn.Module, sequences: tuple[type[nn.Module], ...], prefix: str = ""
) -> Iterator[tuple[list[str], bool]]:
    """Give the names of the parameters of each part, and whether it has a layer with weights."""
    yield [prefix + name for name, _ in module.named_parameters(recurse=False)], False
    for name, child in module.named_children():
        if isinstance(child, sequences):
            yield from _parts(child, sequences, f"{prefix}{name}.")
        else:
            parameters = list(child.named_parameters(prefix + name))
            yield [path for path, _ in parameters], any(parameter.dim() > 1 for _, parameter in parameters)


def last_layer(network: nn.Module) -> str:
    """Give the name of the last Linear or Conv2d; empty if there is none.

    It is the classifier in every family of torchvision (tests cover the whole zoo).
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return names[-1] if names else ""
