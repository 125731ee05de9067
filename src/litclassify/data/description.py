"""What a data module has found, in words."""

from collections.abc import Iterator, Sequence
from typing import Literal

from litclassify.data.datamodule import ImageDataModule

SHOWN = 5
EVALUATION: tuple[tuple[Literal["val", "test"], str], ...] = (("val", "validation"), ("test", "test"))
COLOURS = {1: "gray", 3: "RGB"}


def describe(data: ImageDataModule) -> list[str]:
    """Say how many images and classes there are, and what the network will see of them.

    Args:
        data: Set up for training. No image is read, and no data set built.

    Returns:
        Two lines, in which names are as they are in the data.
    """
    channels, height, width = data.image_shape
    noun = "labels" if data.multi_label else "classes"
    return [
        f"{type(data).__name__}: {', '.join(_counts(data))}",
        f"{data.num_classes} {noun} ({_first(data.class_names)}), {height}x{width} pixels, "
        f"{COLOURS.get(channels, f'in {channels} channels')}, train_transform: {_transforms(data)}",
    ]


def _counts(data: ImageDataModule) -> Iterator[str]:
    yield f"train {data.num_images('train'):,} images"
    for split, name in EVALUATION:
        count = data.num_images(split)
        drawn = " (drawn from train)" if split in data.drawn_splits else ""
        if count is not None:
            yield f"{name} {count:,}{drawn}" if count else f"no {name} images"


def _transforms(data: ImageDataModule) -> str:
    """Name presets as the user did, and all else by its class."""
    given = data.train_transform
    names = [_name(transform) for transform in (data.transform_list("train") if given is None else given)]
    return (_first(names) if names else "none") + (" (default)" if given is None else "")


def _name(transform: object) -> str:
    return transform if isinstance(transform, str) else getattr(transform, "__name__", type(transform).__name__)


def _first(names: Sequence[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])])
