"""The features of some images of an evaluation."""

from contextlib import ExitStack
from typing import Any

import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from litclassify.callbacks.evaluation.evaluation_collector import rows_of_all
from litclassify.models import EvaluationOutput

# Side of a thumbnail, in pixels: smaller ones run into one another on the screen.
MIN_SIDE, MAX_SIDE = 32, 64


class FeatureCollector:
    """Holds what the head of a network is given, and what the model says of it.

    Until it is closed, the head has a hook, and compiled networks run as they are: compiled, they would run without
    hooks.

    Args:
        head: The module whose input are the features.
        step: Of every how many images of this process, from the first.
    """

    def __init__(self, head: nn.Module, step: int) -> None:
        self._watch = ExitStack()
        self._watch.callback(head.register_forward_pre_hook(self._see).remove)
        self._watch.enter_context(torch.compiler.set_stance("force_eager"))
        self._step = step
        self._position = 0
        self._seen: Tensor | None = None
        self._batches: list[tuple[Tensor, ...]] = []

    def _see(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._seen is None:  # Of several views of an image, only the first is seen.
            self._seen = inputs[0]

    def add(self, images: Tensor, output: EvaluationOutput) -> None:
        """Keep some images of a batch.

        Args:
            images: (N, C, H, W), uint8 or float in [0, 1].
            output: What the model gave for them.
        """
        features, self._seen = self._seen, None
        taken = slice(-self._position % self._step, None, self._step)
        self._position += len(images)
        if features is not None:
            features, images = pooled(features[taken]), thumbnails(images[taken])
            self._batches.append((features, images, output["targets"][taken], output["logits"][taken].float()))

    def close(self) -> None:
        """Let the network run as before."""
        self._watch.close()

    def gather(self, trainer: Trainer) -> list[NDArray[Any]]:
        """Give features (N, D), thumbnails (N, 3, S, S), targets and logits (N, K) of all processes, if any."""
        return [rows_of_all(list(column), trainer) for column in zip(*self._batches, strict=True)]


def pooled(features: Tensor) -> Tensor:
    """Give features (N, D) as float32; averaged over places, (N, C, H, W) to (N, C), or tokens, (N, T, D) to (N, D)."""
    features = features.float()
    if features.dim() == 4:  # noqa: PLR2004
        return features.mean(dim=(2, 3))
    return features if features.dim() == 2 else features.mean(dim=1)  # noqa: PLR2004


def thumbnails(images: Tensor) -> Tensor:
    """Bring images (N, C, H, W), uint8 or float in [0, 1], into squares of 32 to 64 pixels: uint8 (N, 3, S, S)."""
    pixels = images.float() if images.is_floating_point() else images.float() / 255
    scale = -(-MIN_SIDE // max(pixels.shape[-2:]))
    pixels = pixels.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    longest = max(pixels.shape[-2:])
    side = min(MAX_SIDE, longest)
    height, width = (max(1, round(length * side / longest)) for length in pixels.shape[-2:])
    small = interpolate(pixels, (height, width), mode="bilinear", antialias=True)
    above, left = (side - height) // 2, (side - width) // 2
    square = pad(small, (left, side - width - left, above, side - height - above), value=1.0)
    coloured = square if square.shape[1] == 3 else square[:, :1].expand(-1, 3, -1, -1)  # noqa: PLR2004
    return (coloured.clamp(0, 1) * 255).round().byte()
