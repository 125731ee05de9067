"""Lists of transforms, as a config gives them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torchvision.transforms import Normalize, v2

from litclassify.errors import UserError

TransformList = list[v2.Transform | Callable[[Tensor], Tensor]]
"""Transforms of one image, applied in order: uint8 tensor (C, H, W) in, tensor (C, H, W) out."""


def compose(transforms: TransformList) -> Callable[[Tensor], Tensor] | None:
    """Chain `transforms` into one callable; None for an empty list, so that data sets can skip the calls."""
    chain: Callable[[Tensor], Tensor] | None = v2.Compose(transforms) if transforms else None
    return chain


def check_transforms(transforms: Sequence[Any] | None, key: str) -> None:
    """Refuse transforms that undo the contract between data and model.

    Args:
        transforms: What the user gave; None for the data set's default.
        key: The argument as the user types it, for the message.

    Raises:
        UserError: A `Normalize` is among them, at any depth.
    """
    if any(isinstance(transform, Normalize | v2.Normalize) for transform in _flatten(transforms or [])):
        raise UserError(
            f"{key} holds a Normalize, but the model normalises by itself, with data.mean and data.std. "
            f"Remove Normalize from {key}."
        )


def _flatten(transforms: Iterable[Any]) -> Iterator[Any]:
    for transform in transforms:
        yield transform
        # Compose, RandomApply, RandomChoice … keep theirs in a plain list, which nn.Module.modules() misses.
        yield from _flatten(getattr(transform, "transforms", ()))
