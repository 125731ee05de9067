"""Folders of images for the benchmarks: links to a part of one that is there, or made-up JPEG files."""

import io
from collections.abc import Mapping
from itertools import cycle, islice
from pathlib import Path

import torch
from PIL import Image
from torch.nn.functional import interpolate


def link_images(source: Path, target: Path, images: int | None) -> None:
    """Link `images` files of `source/<class>/`, as many of each class, into `target/<class>/`; None links all.

    Raises:
        ValueError: A class has too few.
    """
    classes = sorted(folder.name for folder in source.iterdir() if folder.is_dir())
    link_classes(source, target, dict.fromkeys(classes, None if images is None else images // len(classes)))


def link_classes(source: Path, target: Path, wanted: Mapping[str, int | None]) -> None:
    """Link the first files of each class in `source` into `target`.

    Args:
        source: It holds a folder per class.
        target: It is made.
        wanted: How many of each class; None for all.

    Raises:
        ValueError: A class has too few.
    """
    for name, count in wanted.items():
        files = sorted((source / name).iterdir())
        if count is not None and len(files) < count:
            raise ValueError(f"'{source / name}' holds {len(files)} images, {count} are wanted.")
        (target / name).mkdir(parents=True)
        for file in files[:count]:
            (target / name / file.name).symlink_to(file.resolve())


def write_jpegs(folder: Path, images: int, size: tuple[int, int], num_classes: int = 10) -> None:
    """Write `images` JPEG files of `size` (H, W) into `folder/<class>/`: copies of 16 blurred random pictures."""
    contents = [_random_jpeg(size, seed) for seed in range(16)]
    for label in range(num_classes):
        (folder / f"class{label}").mkdir(parents=True)
    for index, content in enumerate(islice(cycle(contents), images)):
        (folder / f"class{index % num_classes}" / f"{index:07}.jpg").write_bytes(content)


def _random_jpeg(size: tuple[int, int], seed: int) -> bytes:
    """Coarse noise, enlarged: it compresses about as well as a photograph."""
    coarse = torch.rand(1, 3, max(1, size[0] // 8), max(1, size[1] // 8), generator=torch.Generator().manual_seed(seed))
    pixels = interpolate(coarse, size, mode="bilinear")[0].mul(255).byte().permute(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "JPEG", quality=90)
    return file.getvalue()
