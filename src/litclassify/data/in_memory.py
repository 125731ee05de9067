"""Images that fit in memory, as one tensor."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from litclassify.data.batch_transforms import vectorize
from litclassify.data.datasets import ImageDataset, Sample, Split, refusal_of
from litclassify.data.randomness import SampleRandomness


class ImageTensorDataset(ImageDataset):
    """A data set held as one tensor, from which batches are taken as a whole.

    So are the transforms applied, if each of them can be (see `vectorize`); otherwise image by image.

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
        self.vectorized = vectorize(transform)

    def to(self, device: torch.device) -> None:
        """Move images and targets to a device, where batches are then made."""
        self.device = device
        self.images, self.targets = self.images.to(device), self.targets.to(device)

    def read(self, index: int) -> Tensor:
        """A copy of the image, so that a transform that works in place cannot spoil the data set."""
        return self.images[index].clone()

    def __getitems__(self, draws: list[int]) -> Sample:
        if self.vectorized is None:
            return super().__getitems__(draws)
        indices = np.asarray(draws) % len(self)
        images, targets = self._take(self.images, indices), self._take(self.targets, indices)
        with refusal_of(self.split, self.paths[indices[0]], images):
            return self.vectorized(images, SampleRandomness(self.seed, draws)), targets

    def _take(self, values: Tensor, indices: np.ndarray) -> Tensor:
        if self.device.type == "cpu":
            # NumPy copies whole images, torch single bytes: 50 times as fast.
            return torch.from_numpy(values.numpy()[indices])
        return values[torch.from_numpy(indices).to(self.device)]
