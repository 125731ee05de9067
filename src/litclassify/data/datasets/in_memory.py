"""Images that fit in memory, as one tensor."""

from collections.abc import Callable, Sequence
from typing import ClassVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from litclassify.data.augmentation.batch_transforms import vectorize
from litclassify.data.datasets.image_dataset import ImageDataset, Sample, Split, refusal_of
from litclassify.device_copies import to_device
from litclassify.randomness import SampleRandomness


class ImageTensorDataset(ImageDataset):
    """A data set held as one tensor, from which batches are taken as a whole.

    So are the transforms applied, if each of them can be (see `vectorize`); otherwise image by image.

    Args:
        images: uint8 (M, C, H, W); other data sets may hold the same tensor.
        targets: int64 (N,).
        transform: Applied to each image (C, H, W); None to leave images as they are.
        split: What the samples are for.
        indices: Which of the M images are the N samples; None for all.
        paths: An identifier of each sample; None names sample i `<split>/<i>`.
    """

    in_memory: ClassVar[bool] = True

    def __init__(
        self,
        images: Tensor,
        targets: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        split: Split,
        indices: Sequence[int] | None = None,
        paths: Sequence[str] | None = None,
    ) -> None:
        super().__init__(_Numbered(split, len(targets)) if paths is None else paths, targets, transform, split)
        self._rows = np.arange(len(images)) if indices is None else np.asarray(indices)
        assert len(self._rows) == len(targets)
        self.images = images
        self.vectorized = vectorize(transform)

    @property
    def is_batched(self) -> bool:
        """Whether no transform needs images one by one."""
        return self.vectorized is not None

    @property
    def nbytes(self) -> int:
        """Bytes of the samples' images."""
        return len(self) * self.images[:1].nbytes

    def to(self, device: torch.device) -> None:
        """Copy the samples to a device, where batches are then made."""
        self.images = self.images[torch.from_numpy(self._rows)].to(device)
        self._rows = np.arange(len(self))
        self.targets = self.targets.to(device)
        self.device = device

    def read(self, index: int) -> Tensor:
        """A copy of the image, so that a transform that works in place cannot spoil the data set."""
        return self.images[self._rows[index]].clone()

    def __getitems__(self, draws: list[int]) -> Sample:
        if self.vectorized is None:
            return super().__getitems__(draws)
        indices = np.asarray(draws) % len(self)
        images, targets = self._take(indices)
        if self.transform is None:
            return images, targets
        with refusal_of(self.split, self.paths[indices[0]], images):
            return self.vectorized(images, SampleRandomness(self.seed, draws)), targets

    def _take(self, indices: NDArray[np.int64]) -> Sample:
        """Give images and targets of these samples."""
        if self.device.type == "cpu":
            # NumPy copies whole images, torch single bytes: 50 times as fast.
            images, targets = self.images.numpy()[self._rows[indices]], self.targets.numpy()[indices]
            return torch.from_numpy(images), torch.from_numpy(targets)
        taken = to_device(torch.from_numpy(indices), self.device)  # Rows of the images that `to` has put in this order.
        return self.images[taken], self.targets[taken]


class _Numbered(Sequence[str]):
    """Identifiers `<split>/0`, `<split>/1`, … that take no memory."""

    def __init__(self, split: Split, size: int) -> None:
        self._split, self._range = split, range(size)

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = self._range[index]
        return f"{self._split}/{chosen}" if isinstance(chosen, int) else [f"{self._split}/{i}" for i in chosen]
