"""What all data sets of images share: identifiers, targets, a transform and batched fetch.

A sample is asked for by the number of its draw, `epoch * N + index` for sample `index` of N. What transforms draw at
random is a pure function of that number and the seed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from litclassify.errors import UserError
from litclassify.randomness import SampleRandomness, torch_seeded

Split = Literal["train", "val", "test", "predict"]
Sample = tuple[Tensor, Tensor]
"""An image (C, H, W) and its target, int64 (); or a batch of them: (N, C, H, W) and (N,)."""


class ImageDataset(Dataset[Sample], ABC):
    """Images with targets, fetched one by one or a batch at a time.

    Args:
        paths: An identifier of each sample: its file, or `<split>/<index>` for images that have none.
        targets: Class of each sample, int64 (N,), -1 where it is unknown; or multi-hot labels, bool (N, K).
        transform: Applied to each uint8 image (C, H, W); None to leave images as they are.
        split: What the samples are for.
    """

    seed: int = 0
    """Seed of what transforms draw, in [0, 2**32); the data module sets that of the run."""
    device = torch.device("cpu")
    """Where batches lie."""
    in_memory: ClassVar[bool] = False
    """Whether the images are in no files that are read as they are asked for."""

    def __init__(
        self,
        paths: Sequence[str],
        targets: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        split: Split,
    ) -> None:
        assert len(paths) == len(targets)
        self.paths = paths
        self.targets = targets
        self.transform = transform
        self.split = split

    @property
    def is_batched(self) -> bool:
        """Whether batches are made at once, which is so cheap that worker processes would only add to the cost."""
        return False

    @abstractmethod
    def read(self, index: int) -> Tensor:
        """The image as stored, before the transform: uint8 (C, H, W), the caller's to change."""

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, draw: int) -> Sample:
        images, targets = self.__getitems__([draw])
        return images[0], targets[0]

    def __getitems__(self, draws: list[int]) -> Sample:
        indices = [draw % len(self) for draw in draws]
        seeds = SampleRandomness(self.seed, draws).seeds()
        taken: list[int] = []

        def images() -> Iterator[Tensor]:
            for index, seed in zip(indices, seeds, strict=True):
                image, which = self._image_and_index(index, seed)
                taken.append(which)
                yield image

        return stack_images(images(), len(draws), self.split), self.targets[taken]

    def _image_and_index(self, index: int, seed: int) -> tuple[Tensor, int]:
        """Give an image, transformed, and which one it is: another where a data set puts one in its place."""
        return self._image(index, seed), index

    def _image(self, index: int, seed: int) -> Tensor:
        with torch_seeded(seed):  # Reading, too, may draw what part of a file it needs.
            image = self.read(index)
            if self.transform is None:
                return image
            return transformed(image, self.transform, self.split, self.paths[index])


def transformed(image: Tensor, transform: Callable[[Tensor], Tensor], split: Split, name: str) -> Tensor:
    """Apply the transforms of `split` to an image (C, H, W).

    Raises:
        UserError: They fail, or give no image. The message says that it was `name`.
    """
    # v2 transforms check most of their arguments here, not when they are built.
    with refusal_of(split, name, image):
        result = transform(image)
    if isinstance(result, Tensor) and result.dim() == image.dim():
        return result
    given = tuple(result.shape) if isinstance(result, Tensor) else f"a {type(result).__name__}"
    raise UserError(
        f"{transform_key(split)} must give one image, a tensor (channels, height, width), but of {name} gives {given}."
    )


@contextmanager
def refusal_of(split: Split, name: str, images: Tensor) -> Iterator[None]:
    """Name the transforms of `split` as what refuses images (…, C, H, W)."""
    try:
        yield
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{transform_key(split)} fails on {name}, {tuple(images.shape[-3:])} (channels, height, width): {error}"
        ) from error


def transform_key(split: Split) -> str:
    """Give the argument that holds the transforms of `split`."""
    return "data.train_transform" if split == "train" else "data.eval_transform"


def stack_images(images: Iterable[Tensor], count: int, split: Split) -> Tensor:
    """Copy images (C, H, W) into a batch (N, C, H, W), each as it comes: it is in the processor's cache then.

    Decoders lay the channels of a pixel side by side; such images stay so. To sort them apart takes a tenth as long as
    to load a photograph, and the model does it where it computes, if it needs to.

    Args:
        images: N of them, at least one.
        count: N.
        split: What they are for.

    Raises:
        UserError: They differ in size; the message names the transform of `split`.
    """
    batch: Tensor | None = None
    for i, image in enumerate(images):
        if batch is None:
            batch = _room_for(image, count)
        if image.shape != batch.shape[1:] or image.dtype != batch.dtype:
            raise _differ(batch[0], image, split)
        batch[i] = image
    assert batch is not None
    return batch


def _room_for(image: Tensor, count: int) -> Tensor:
    """Give memory for as many images, laid out as this one is."""
    pixelwise = image.permute(1, 2, 0)
    if pixelwise.is_contiguous():
        return image.new_empty((count, *pixelwise.shape)).permute(0, 3, 1, 2)
    return image.new_empty((count, *image.shape))


def _differ(first: Tensor, other: Tensor, split: Split) -> UserError:
    key = transform_key(split)
    if first.dtype != other.dtype:
        return UserError(
            f"Images of one batch must have one dtype, but after {key} there are {first.dtype} and {other.dtype}."
        )
    return UserError(
        f"Images of one batch must have one size, but after {key} there are {tuple(first.shape)} and "
        f"{tuple(other.shape)} (channels, height, width). End {key} with a resize or crop to one size."
    )
