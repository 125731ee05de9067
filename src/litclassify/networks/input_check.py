"""Whether a network takes the images that the data gives: asked before training, answered in one line."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.networks.dry_run import dry_run

# What torch and torchvision say about images that don't fit: "Output size is too small", "shape '[2, 400]'
# is invalid for input of size 512", "Wrong image height!". Word boundaries keep out the "max_split_size_mb"
# of an out-of-memory error.
_SHAPE_WORDS = re.compile(r"\b(sizes?|shapes?|dimensions?|height|width|channels?|stride)\b", re.IGNORECASE)


def check_input(network: nn.Module, image_shape: tuple[int, int, int], num_classes: int) -> None:
    """Send two blank images through the network and explain what doesn't fit.

    The network is left as it was: training modes, buffers and random state.

    Args:
        network: Takes float images (N, C, H, W), gives logits (N, num_classes).
        image_shape: Channels, height and width of the images.
        num_classes: Number of classes of the data.

    Raises:
        UserError: The network takes other channels, another number of values or other sizes, or gives
            something other than logits (N, num_classes). Any other error of the network is left to pass.
    """
    parameter = next(network.parameters(), torch.empty(0))
    images = torch.zeros(2, *image_shape, dtype=parameter.dtype, device=parameter.device)
    with dry_run(network), _record_first_layer(network) as first_layer:
        try:
            logits = network(images)
        except UserError:
            raise
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:
            explanation = _explain(error, network, image_shape, first_layer)
            if explanation is None:
                raise
            raise UserError(explanation) from error
    _check_logits(logits, num_classes)


@contextmanager
def _record_first_layer(network: nn.Module) -> Iterator[dict[str, torch.Size]]:
    """Give a dict that gets one entry: the first Conv2d or Linear reached and the shape that it was given."""
    first_layer: dict[str, torch.Size] = {}

    def hook_for(name: str) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not first_layer:
                first_layer[name] = [*args, *kwargs.values()][0].shape

        return hook

    handles = [module.register_forward_pre_hook(hook_for(name), with_kwargs=True) for name, module in _layers(network)]
    try:
        yield first_layer
    finally:
        for handle in handles:
            handle.remove()


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield name, module


def _explain(
    error: Exception,
    network: nn.Module,
    image_shape: tuple[int, int, int],
    first_layer: dict[str, torch.Size],
) -> str | None:
    """Say why images of this shape don't fit, or None where the error is about something else."""
    layers = dict(_layers(network))
    if not first_layer and layers:
        # It failed on its way to the first layer (torchvision's Inception3 splits the channels there).
        first_layer = {next(iter(layers)): torch.Size([2, *image_shape])}
    for name, given in first_layer.items():
        explanation = _explain_layer(network, name, layers[name], given, image_shape)
        if explanation is not None:
            return explanation
    reason = str(error).strip().partition("\n")[0]
    if not _SHAPE_WORDS.search(reason):
        return None
    return (
        f"model.network ({type(network).__name__}) does not take {_times(image_shape)} images: "
        f"{reason.rstrip('.!')}. Set data.image_size to a size that it takes."
    )


def _explain_layer(
    network: nn.Module,
    name: str,
    layer: nn.Conv2d | nn.Linear,
    given: torch.Size,
    image_shape: tuple[int, int, int],
) -> str | None:
    """Say how the first layer and the images differ, or None where the two agree."""
    channels, height, width = image_shape
    features = channels * height * width
    shown = _times(image_shape)
    if isinstance(layer, nn.Conv2d) and layer.in_channels != channels == given[1]:
        takes = f"{layer.in_channels}-channel images"
        gives = f"{channels} channel{'s' if channels > 1 else ''} ({shown})"
        argument, value = "in_channels", channels
    elif isinstance(layer, nn.Linear) and layer.in_features != features == given[-1]:
        takes = f"{layer.in_features} values per image"
        gives = f"{features} ({shown})"
        argument, value = "in_features", features
    else:
        return None
    if argument in inspect.signature(type(network)).parameters:
        return f"model.network takes {takes}, the data gives {gives}: set model.network.{argument} to {value}."
    return (
        f"model.network ({type(network).__name__}, layer {name!r}) takes {takes}, the data gives {gives}, "
        f"and the network has no argument {argument}: choose one that has, such as "
        f"{'TorchvisionNetwork' if argument == 'in_channels' else 'MLP'}."
    )


def _check_logits(logits: object, num_classes: int) -> None:
    if isinstance(logits, Tensor) and logits.shape == (2, num_classes):
        return
    given = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
    raise UserError(
        f"model.network gives {given} for two images, but must give logits of shape (2, {num_classes}): "
        f"one row per image, one column per class. Let its last layer have num_classes outputs."
    )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
