"""The classification networks of torchvision, for any number of classes and channels."""

import math
import re
import textwrap
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.maxvit import MaxVitBlock
from torchvision.models.vision_transformer import Encoder

from litclassify.errors import UserError
from litclassify.files.state_dicts import read_state_dict
from litclassify.networks.factory import Network
from litclassify.networks.layer_stages import last_layer, layer_stages
from litclassify.suggestions import nearest, some_of

# These two have extra heads in training, which return a tuple of logits. The plain network has one.
_NETWORKS_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")
VIT_IMAGE_SIZE = 224
# Beside torch's own, what these networks compute block after block.
_SEQUENCES = (Encoder, MaxVitBlock)
# What weight decay would harm although it has more than one dimension: as in torchvision's own training, and
# layer_scale, one number for each channel.
_NO_WEIGHT_DECAY = re.compile(r"class_token|pos_embedding|relative_position_bias_table|layer_scale")
_AUXILIARY_HEADS = re.compile(r"(aux1|aux2|AuxLogits)\.")

# Files from before torch 0.4.1 say `denselayer1.norm.1.weight` for `denselayer1.norm1.weight`; torchvision's
# own DenseNet weights still do (torchvision.models.densenet._load_state_dict).
_OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")


class TorchvisionNetwork(Network):
    """A classification network of torchvision with a head for `num_classes`.

    Pretrained weights expect images normalised with their own mean and standard deviation, for ImageNet
    (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).

    Args:
        num_classes: Number of outputs.
        name: Name in torchvision's list of models, such as `resnet18`, `efficientnet_b0` or `vit_b_16`. See
            https://docs.pytorch.org/vision/stable/models.html#classification.
        weights: Weights to start from: a name that torchvision has for this model (`DEFAULT`,
            `IMAGENET1K_V1`), downloaded once into `$TORCH_HOME`, or the path of a local file
            (.safetensors, or .pth, .pt, .ckpt with a state dict, bare or under the key `state_dict` or `model`). The
            head's weights are used where they have `num_classes` outputs, else the head starts fresh. None: all weights
            start fresh.
        in_channels: Channels of an image. With weights for 3 channels and another number here, the first
            convolution is adapted: summed over red, green and blue for 1 channel, which keeps its response to
            gray images, else repeated in that order and scaled by 3 / in_channels.
        image_size: Height and width in pixels that a vision transformer (`vit_*`) takes; null means 224. The
            other networks take any size and no such argument.
    """

    initial_weights = ("weights",)

    def __init__(
        self,
        num_classes: int,
        name: str,
        weights: str | None = None,
        in_channels: int = 3,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        _check_name(name)
        arguments = _architecture(name, in_channels, image_size, fresh=weights is None)
        state = None if weights is None else read_weights(name, weights)
        if state is not None:
            _check_image_size(name, state, image_size)
        self.model: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **arguments)
        if in_channels != 3:  # noqa: PLR2004 - All models of the zoo are built for RGB.
            _replace_first_conv(self.model, in_channels)
        if state is not None:
            _load(self.model, state, in_channels, source=f"{weights!r} does not fit {name}")

    @property
    def head(self) -> nn.Module:
        """The last layer, which gives the logits: an nn.Linear, or an nn.Conv2d in SqueezeNet."""
        return self.model.get_submodule(last_layer(self.model))

    def parameter_stages(self) -> list[list[str]]:
        """Give the names of the parameters of each block, from the input to the head."""
        return [[f"model.{name}" for name in stage] for stage in layer_stages(self.model, _SEQUENCES)]

    def no_weight_decay(self) -> set[str]:
        """Give the names of embeddings of classes and positions, and of the scales of ConvNeXt's blocks."""
        return {name for name, _ in self.named_parameters() if _NO_WEIGHT_DECAY.search(name)}

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W) to logits (N, num_classes)."""
        logits: Tensor = self.model(images)
        return logits


def read_weights(name: str, weights: str) -> dict[str, Tensor]:
    """Read the state dict that `weights` names: a name of torchvision's for this model, or a local file.

    Raises:
        UserError: It is neither, it can't be downloaded, or the file holds no state dict.
    """
    # VGG-16 also has weights without a classifier, filled up with NaN: they have no categories.
    entries = {
        key: entry
        for key, entry in models.get_model_weights(name).__members__.items()
        if entry.meta["categories"] is not None
    }
    if weights in entries:
        return _download(weights, entries[weights])
    if Path(weights).expanduser().is_file():
        return read_state_dict(weights, "model.network.weights")
    raise UserError(
        f"model.network.weights is {weights!r}, which is neither a file nor a name of weights for "
        f"{name}. Names: {', '.join(entries)}. Give one of them, or the path of a local state dict."
    )


def adapt_channels(weight: Tensor, in_channels: int) -> Tensor:
    """Turn a convolution's weight over RGB into one over another number of channels.

    Args:
        weight: Convolution weight, (O, 3, kernel height, kernel width).
        in_channels: Number of channels wanted.

    Returns:
        Weight (O, in_channels, kernel height, kernel width). For 1 channel it is the sum over RGB, so that
        gray images give what they give as RGB; else RGB is repeated in order and scaled by 3 / in_channels.
    """
    if in_channels == 1:
        return weight.sum(dim=1, keepdim=True)
    return weight[:, torch.arange(in_channels) % 3] * (3 / in_channels)


def _check_name(name: str) -> None:
    names: list[str] = models.list_models(module=models)
    if name in names:
        return
    near = nearest(name, names) or f" There are {some_of(names)}."
    raise UserError(f"model.network.name is {name!r}, which is not a classification network of torchvision.{near}")


def _architecture(name: str, in_channels: int, image_size: int | None, fresh: bool) -> dict[str, Any]:
    """Give the constructor arguments that torchvision's own builder takes from the weights.

    What shapes the network may not depend on the weights: a checkpoint is rebuilt without them.
    """
    if name.startswith("vit_"):
        return {} if image_size is None else {"image_size": image_size}
    if image_size is not None:
        raise UserError(f"model.network.image_size is {image_size}, but {name} takes images of any size: leave it out.")
    if name in _NETWORKS_WITH_AUXILIARY_HEADS:
        # Their weights come from TensorFlow and take images in [-1, 1]: the network rescales RGB normalised
        # the ImageNet way.
        return {"aux_logits": False, "init_weights": fresh, "transform_input": in_channels == 3}  # noqa: PLR2004
    return {}


def _check_image_size(name: str, state: Mapping[str, Tensor], image_size: int | None) -> None:
    """Compare a vision transformer's image size with that of its weights' position embedding (1, 1 + patches, D)."""
    positions = [value for key, value in state.items() if key.endswith("encoder.pos_embedding")]
    if not positions:
        return
    patch_size = int(name.rpartition("_")[2])
    expected = patch_size * math.isqrt(positions[0].shape[1] - 1)
    if expected != (image_size or VIT_IMAGE_SIZE):
        raise UserError(
            f"model.network.weights are for images of {expected}x{expected}, {name} is built for "
            f"{image_size or VIT_IMAGE_SIZE}: set model.network.image_size and data.image_size to {expected}."
        )


def _replace_first_conv(model: nn.Module, in_channels: int) -> None:
    name, conv = next((n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d))
    model.set_submodule(
        name,
        nn.Conv2d(
            in_channels,
            conv.out_channels,
            kernel_size=conv.kernel_size,  # type: ignore[arg-type] # Conv2d holds a tuple of two.
            stride=conv.stride,  # type: ignore[arg-type]
            padding=conv.padding,  # type: ignore[arg-type]
            bias=conv.bias is not None,
        ),
    )


def _download(weights: str, entry: models.WeightsEnum) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = entry.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong hash is a RuntimeError.
        raise UserError(
            f"model.network.weights is {weights!r}, but {entry.url} can't be downloaded: {error}. "
            f"Connect to the internet, or download that file elsewhere and give its path."
        ) from error
    return state


def _rename(state: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Give a state dict under the names of the bare network, whose own state dict is `fresh`.

    A checkpoint of ours says `network.model.conv1.weight` for `conv1.weight`, DistributedDataParallel says
    `module.conv1.weight`: names that lack the prefix belong to something else.
    """
    first_key = next(iter(fresh))
    candidates = [key for key in state if key == first_key or key.endswith(f".{first_key}")]
    prefix = min(candidates, key=len, default=first_key).removesuffix(first_key)
    bare = ((key.removeprefix(prefix), value) for key, value in state.items() if key.startswith(prefix))
    renamed = OrderedDict(
        (_OLD_DENSENET_NAME.sub(r"\1\2", key), value) for key, value in bare if not _AUXILIARY_HEADS.match(key)
    )
    # The version of each module, by which modules convert what older ones of their kind saved.
    versions = getattr(fresh if prefix else state, "_metadata", fresh._metadata)  # type: ignore[attr-defined]
    renamed._metadata = versions  # type: ignore[attr-defined]
    return renamed


def _load(model: nn.Module, state: dict[str, Tensor], in_channels: int, source: str) -> None:
    """Load a state dict in all but the head, and the head where its shape fits."""
    fresh = model.state_dict()
    loaded = _rename(state, fresh)
    first_conv = next(f"{name}.weight" for name, m in model.named_modules() if isinstance(m, nn.Conv2d))
    if first_conv in loaded and loaded[first_conv].shape[1] == 3 != in_channels:  # noqa: PLR2004
        loaded[first_conv] = adapt_channels(loaded[first_conv], in_channels)
    head = last_layer(model)
    head_keys = [key for key in fresh if key.rpartition(".")[0] == head]
    if any(key not in loaded or loaded[key].shape != fresh[key].shape for key in head_keys):
        loaded.update({key: fresh[key] for key in head_keys})
    for key in fresh:
        if key.endswith(".num_batches_tracked"):  # Files from before torch 0.4.1 lack these counters.
            loaded.setdefault(key, fresh[key])
    try:
        model.load_state_dict(loaded)
    except RuntimeError as error:
        lines = [textwrap.shorten(line, 160, placeholder=" …") for line in str(error).splitlines()[1:4]]
        raise UserError(f"model.network.weights: {source}. {' '.join(lines)}") from error
