"""The layer whose features explain a prediction."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.explanation.feature_map import as_map, num_positions, recorded_outputs

MAX_SAMPLES = 2


def find_feature_layer(network: nn.Module, images: Tensor) -> str:
    """Find the last layer that gives a map of features on which the logits depend at more than one position.

    For a convolutional network it is what comes before the pooling. In a transformer that classifies by its class
    token, it is the last normalisation before an attention: after it, the logits depend on that token alone.

    The network is run on at most two of the images, and left as it was: training modes, buffers, gradients, hooks
    and random state.

    Args:
        network: Gives logits (N, K).
        images: As the network takes them, (N, C, H, W).

    Returns:
        The path of the layer in the network, as `named_modules` gives it.

    Raises:
        UserError: There is none.
    """
    # Queries, keys and values, that linear layers give, are not features.
    modules = {name: module for name, module in network.named_modules() if name and not isinstance(module, nn.Linear)}
    with recorded_outputs(network, modules) as outputs:
        samples = images[:MAX_SAMPLES].detach().clone()
        logits: Tensor = network(samples)
        candidates = list(_candidates(outputs, samples.shape)) if logits.requires_grad else []
        if candidates:
            summed = logits.amax(dim=1).sum()
            gradients = torch.autograd.grad(summed, [outputs[name] for name in candidates], allow_unused=True)
            positions = [0 if gradient is None else _num_used(gradient, samples.shape) for gradient in gradients]
            used = [name for name, count in zip(candidates, positions, strict=True) if count > 1]
            if used or not any(positions):  # On nothing at all, if the head is still all zeros.
                return [*candidates, *used][-1]
    raise UserError(
        "The network has no map of features that could explain where it looks: no layer before its logits keeps "
        "positions in the image apart."
    )


def _candidates(outputs: Mapping[str, Tensor], shape: torch.Size) -> Iterator[str]:
    """Name the maps of at least two positions that are no larger than any map before them.

    Classifiers make maps smaller: what has more positions is something else, such as the attention between tokens.
    """
    smallest = math.inf
    for name, output in outputs.items():
        feature_map = as_map(output, *shape[2:]) if len(output) == shape[0] else None
        if feature_map is not None and 1 < num_positions(feature_map) <= smallest:
            smallest = num_positions(feature_map)
            yield name


def _num_used(gradient: Tensor, shape: torch.Size) -> int:
    """Count the positions of a map where its gradient is not zero."""
    feature_map = as_map(gradient, *shape[2:])
    assert feature_map is not None
    return int((feature_map != 0).any(dim=1).any(dim=0).sum())
