"""Images that fit in memory, as one tensor."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from litclassify.data.datasets import ImageDataset, Sample, Split


class ImageTensorDataset(ImageDataset):
    """A data set held as one tensor; without a transform, a batch is a single indexing operation.

    Args:
        images: uint8 (N, C, H, W).
        targets: int64 (N,).
        transform: Applied to each image (C, H, W); None to leave images as they are.
        split: What the samples are for; sample i is identified as `<split>/<i>`.
    """

    in_memory: ClassVar[bool] = True

    def __init__(
        self, images: Tensor, targets: Tensor, transform: Callable[[Tensor], Tensor] | None, split: Split
    ) -> None:
        super().__init__([f"{split}/{index}" for index in range(len(images))], targets, transform, split)
        self.images = images

    def read(self, index: int) -> Tensor:
        """A copy of the image, so that a transform that works in place cannot spoil the data set."""
        return self.images[index].clone()

    def __getitems__(self, indices: list[int]) -> Sample:
        if self.transform is not None:
            return super().__getitems__(indices)
        selected = torch.as_tensor(indices)
        return self.images[selected], self.targets[selected]
