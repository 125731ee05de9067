"""Augmentations by name: lists of transforms that fit a data set and its image size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor
from torchvision.transforms import v2

from litclassify.data.augmentation.transforms import TransformList
from litclassify.errors import UserError

Preset = Literal[
    "none",
    "flip_crop",
    "flip_crop_erasing",
    "trivial_augment",
    "trivial_augment_erasing",
    "rand_augment",
    "rand_augment_erasing",
    "aug_mix",
]
NamedTransforms = Preset | list[Preset | v2.Transform | Callable[[Tensor], Tensor]]
"""A list of transforms in which names stand for further ones; or one name."""


@dataclass(frozen=True)
class Step:
    """A transform that is not built yet.

    Args:
        transform: Its class.
        arguments: What to build it with, as plain values.
    """

    transform: type[v2.Transform]
    arguments: dict[str, Any] = field(default_factory=dict)


FLIP = Step(v2.RandomHorizontalFlip)
# Less than in the paper on erasing (0.5), as timm's recipes have it where other augmentation goes before.
ERASING = Step(v2.RandomErasing, {"p": 0.25})
# TrivialAugmentWide moves by up to 32 pixels, whatever the size: 2% of images of 28x28 come out black, 11% of 8x8.
SMALLEST_TO_TRANSLATE = 28
AUGMENTATIONS = {
    "trivial_augment": Step(v2.TrivialAugmentWide),
    "rand_augment": Step(v2.RandAugment),
    "aug_mix": Step(v2.AugMix),
}


@dataclass(frozen=True)
class Views:
    """How images of a data set are cut to one size.

    Args:
        central: Without random draws.
        random: For training.
        mirrored: Whether a mirrored image is still of its class.
    """

    central: Sequence[Step]
    random: Sequence[Step]
    mirrored: bool


def preset_steps(name: str, image_size: tuple[int, int], views: Views) -> list[Step]:
    """Give the transforms of a preset: crop, flip, what it is named for, and erasing, if it ends with that.

    Raises:
        UserError: Images of `image_size` (H, W) are too small for it.
    """
    if name == "none":
        return list(views.central)
    steps = [*views.random, *([FLIP] if views.mirrored else [])]
    base = name.removesuffix("_erasing")
    if base == "trivial_augment" and min(image_size) < SMALLEST_TO_TRANSLATE:
        raise UserError(
            f"data.train_transform={name} moves images by up to 32 pixels, which leaves many of {image_size[0]}x"
            f"{image_size[1]} black. Take rand_augment, whose steps go by the size, or a data.image_size of at least "
            f"{SMALLEST_TO_TRANSLATE}."
        )
    if base in AUGMENTATIONS:
        steps.append(AUGMENTATIONS[base])
    return steps if base == name else [*steps, ERASING]


def build(steps: Sequence[Step]) -> TransformList:
    """Build transforms."""
    return [step.transform(**step.arguments) for step in steps]


def padded_crop(image_size: tuple[int, int], padding_mode: str) -> Step:
    """Shift images of that size by up to an eighth, as is usual for CIFAR: 4 pixels at 32x32."""
    padding = max(1, min(image_size) // 8)
    return Step(v2.RandomCrop, {"size": image_size, "padding": padding, "padding_mode": padding_mode})
