"""What all data sets of images share: identifiers, targets, a transform and batched fetch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from litclassify.errors import UserError

Split = Literal["train", "val", "test", "predict"]
Sample = tuple[Tensor, Tensor]
"""An image (C, H, W) and its target, int64 (); or a batch of them: (N, C, H, W) and (N,)."""


class ImageDataset(Dataset[Sample], ABC):
    """Images with targets, fetched one by one or a batch at a time.

    Args:
        paths: An identifier of each sample: its file, or `<split>/<index>` for images that have none.
        targets: Class of each sample, int64 (N,); -1 where it is unknown.
        transform: Applied to each uint8 image (C, H, W); None to leave images as they are.
        split: What the samples are for.
    """

    in_memory: ClassVar[bool] = False
    """Reading is so cheap that worker processes would only add to the cost."""

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

    @abstractmethod
    def read(self, index: int) -> Tensor:
        """The image as stored, before the transform: uint8 (C, H, W), the caller's to change."""

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        image = self.read(index)
        return image if self.transform is None else self._transformed(image, index), self.targets[index]

    def _transformed(self, image: Tensor, index: int) -> Tensor:
        assert self.transform is not None
        try:
            return self.transform(image)
        except (RuntimeError, TypeError, ValueError) as error:
            # v2 transforms check most of their arguments here, not when they are built.
            raise UserError(
                f"{transform_key(self.split)} fails on {self.paths[index]}, {tuple(image.shape)} "
                f"(channels, height, width): {error}"
            ) from error

    def __getitems__(self, indices: list[int]) -> Sample:
        images = [self[index][0] for index in indices]
        return stack_images(images, self.split), self.targets[indices]


def transform_key(split: Split) -> str:
    """Give the argument that holds the transforms of `split`."""
    return "data.train_transform" if split == "train" else "data.eval_transform"


def stack_images(images: Sequence[Tensor], split: Split) -> Tensor:
    """Stack images (C, H, W) to a batch (N, C, H, W).

    Raises:
        UserError: They differ in size; the message names the transform of `split`.
    """
    other = next((image for image in images if image.shape != images[0].shape), None)
    if other is not None:
        key = transform_key(split)
        raise UserError(
            f"Images of one batch must have one size, but after {key} there are {tuple(images[0].shape)} and "
            f"{tuple(other.shape)} (channels, height, width). End {key} with a resize or crop to one size."
        )
    return torch.stack(list(images))
