"""What a data module has found, in words."""

from collections.abc import Iterator, Sequence
from typing import Literal

from litclassify.data.datamodule import ImageDataModule
from litclassify.data.decoding.reading import sample_sizes
from litclassify.data.image_files_datamodule import ImageFilesDataModule

SHOWN = 5
LOOKED_AT = 8
ENLARGED = 2
EVALUATION: tuple[tuple[Literal["val", "test"], str], ...] = (("val", "validation"), ("test", "test"))
COLOURS = {1: "gray", 3: "RGB"}


def describe(data: ImageDataModule, stage: Literal["fit", "validate", "test"] = "fit") -> list[str]:
    """Say how many images and classes there are, and what the network will see of them.

    Args:
        data: Set up for `stage`. Of images, no more than the sizes of a few files are read, and no data set is built.
        stage: What they are for.

    Returns:
        Of an evaluation, how many images it is on. Of a training, two lines, one more for each split without images of
        some class, one where all are in one batch, and one where files of images are enlarged; names are as they are
        in the data.
    """
    if stage != "fit":
        split: Literal["val", "test"] = "val" if stage == "validate" else "test"
        counted = f"{dict(EVALUATION)[split]} {data.num_images(split):,} images{_drawn(data, split)}"
        return [f"{type(data).__name__}: {counted}"]
    channels, height, width = data.image_shape
    noun = "labels" if data.multi_label else "classes"
    return [
        f"{type(data).__name__}: {', '.join(_counts(data))}",
        f"{data.num_classes} {noun} ({_first(data.class_names)}), {height}x{width} pixels, "
        f"{COLOURS.get(channels, f'in {channels} channels')}, train_transform: {_transforms(data)}",
        *_classes_without_images(data),
        *_single_batch(data),
        *_enlargement(data),
    ]


def _counts(data: ImageDataModule) -> Iterator[str]:
    yield f"train {data.num_images('train'):,} images"
    for split, name in EVALUATION:
        count = data.num_images(split)
        if count is not None:
            yield f"{name} {count:,}{_drawn(data, split)}" if count else f"no {name} images"


def _classes_without_images(data: ImageDataModule) -> Iterator[str]:
    """Name the classes that no figure of an evaluation goes by."""
    if not isinstance(data, ImageFilesDataModule):
        return
    for split, name in EVALUATION:
        counts = data.count_classes(data.samples[split].targets).tolist() if split in data.samples else []
        missing = [label for label, count in zip(data.class_names, counts, strict=False) if not count]
        if missing:
            yield f"Without {name} images ({len(missing)} of {data.num_classes}): {_first(missing)}"


def _single_batch(data: ImageDataModule) -> Iterator[str]:
    """Say so where an epoch is a single step: ten of them learn next to nothing."""
    count = data.num_images("train")
    if count is not None and count <= data.batch_size:
        yield f"All {count:,} training images are in one batch: an epoch is one step, of more with a --data.batch_size."


def _drawn(data: ImageDataModule, split: str) -> str:
    return " (drawn from train)" if split in data.drawn_splits else ""


def _enlargement(data: ImageDataModule) -> Iterator[str]:
    """Say so where the transforms that go by `image_size` make files at least twice as large, judged by a few."""
    if not isinstance(data, ImageFilesDataModule) or data.eval_transform is not None:
        return
    paths = data.samples["train"].paths
    sizes = sample_sizes(paths[:: len(paths) // LOOKED_AT or 1])
    height, width = data.image_size
    largest = max(sizes, key=min, default=None)
    if largest is not None and min(largest) * ENLARGED <= min(height, width):
        yield (
            f"The images are small, {largest[0]}x{largest[1]} pixels at most of {len(sizes)} looked at, and are "
            f"enlarged to {height}x{width}: --data.image_size sets the size."
        )


def _transforms(data: ImageDataModule) -> str:
    """Name presets as the user did, and all else by its class."""
    given = data.train_transform
    names = [_name(transform) for transform in (data.transform_list("train") if given is None else given)]
    return (_first(names) if names else "none") + (" (default)" if given is None else "")


def _name(transform: object) -> str:
    return transform if isinstance(transform, str) else getattr(transform, "__name__", type(transform).__name__)


def _first(names: Sequence[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])])
