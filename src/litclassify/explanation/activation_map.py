"""Maps of where in an image a network sees a class: Grad-CAM."""

import torch
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.explanation.feature_layer import find_feature_layer
from litclassify.explanation.feature_map import as_map, num_positions, recorded_outputs
from litclassify.suggestions import nearest


def class_activation_map(network: nn.Module, images: Tensor, classes: Tensor, layer: str | None = None) -> Tensor:
    """Show where in images a network sees a class (Grad-CAM).

    Each feature of a layer counts by the mean derivative of the class's logit by it. Their sum, where it is positive,
    is enlarged to the image. If the logits are linear in the means of features, this is the class activation map
    (CAM, https://arxiv.org/abs/1512.04150).

    Modes, buffers, gradients, hooks and random state of the network are left as they were. It takes about the time of
    a forward pass, as no gradient goes further back than the layer.

    Source: Selvaraju et al., https://arxiv.org/abs/1610.02391, section 3.

    Args:
        network: Gives logits (N, K): an `ImageClassifier`, or a network.
        images: As it takes them, (N, C, H, W).
        classes: Class to explain of each image, int64 (N,); or M classes, (N, M).
        layer: Path of the layer in the network, as `named_modules` gives it. None finds it: see `find_feature_layer`.

    Returns:
        Maps in [0, 1], float32 (N, H, W) or (N, M, H, W), the highest value of each 1. A map is 0 everywhere if nothing
        speaks for the class.

    Raises:
        UserError: The network has no map of features, or `layer` names none.
        ValueError: `classes` has another shape, or holds other values than 0 to K - 1.
    """
    if layer is None:
        layer = find_feature_layer(network, images)
    module = _module(network, layer)
    with recorded_outputs(network, {layer: module}) as outputs:
        logits: Tensor = network(images.detach().clone())
        chosen = logits.gather(1, _checked(classes, logits).to(logits.device, copy=True))
        features = outputs.get(layer)
        if features is None or _map_of(features, images) is None:
            raise UserError(f"The layer '{layer}' gives no map of features over the image.")
        maps = [
            _weighted_sum(features, torch.autograd.grad(column.sum(), features, retain_graph=True)[0], images)
            for column in chosen.unbind(1)
        ]
    return maps[0] if classes.ndim == 1 else torch.stack(maps, dim=1)


def _module(network: nn.Module, layer: str) -> nn.Module:
    modules = dict(network.named_modules())
    if not layer or layer not in modules:
        raise UserError(f"{type(network).__name__} has no layer '{layer}'.{nearest(layer, filter(None, modules))}")
    module: nn.Module = modules[layer]
    return module


def _checked(classes: Tensor, logits: Tensor) -> Tensor:
    """Give the classes as (N, M)."""
    num_images, num_classes = logits.shape
    if classes.ndim not in (1, 2) or len(classes) != num_images:
        raise ValueError(f"classes must be ({num_images},) or ({num_images}, M), got {tuple(classes.shape)}.")
    if ((classes < 0) | (classes >= num_classes)).any():
        raise ValueError(f"classes must be from 0 to {num_classes - 1}, got {classes.min()} to {classes.max()}.")
    return classes.view(num_images, -1)


def _map_of(features: Tensor, images: Tensor) -> Tensor | None:
    feature_map = as_map(features, *images.shape[2:])
    return None if feature_map is None or num_positions(feature_map) == 1 else feature_map


def _weighted_sum(features: Tensor, gradient: Tensor, images: Tensor) -> Tensor:
    """Give the map (N, H, W) of one class."""
    feature_map, gradient_map = (as_map(values.detach().float(), *images.shape[2:]) for values in (features, gradient))
    assert feature_map is not None
    assert gradient_map is not None
    weights = gradient_map.mean(dim=(2, 3), keepdim=True)
    positive = (weights * feature_map).sum(dim=1, keepdim=True).relu()
    enlarged = nn.functional.interpolate(positive, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return enlarged / enlarged.amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
