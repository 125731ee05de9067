"""Images to predict on, of which some may be damaged."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from litclassify.data.datasets.image_dataset import ImageDataset, Sample, stack_images
from litclassify.data.decoding.decode import UnreadableImageError

PredictionSample = Sample | tuple[Tensor, Tensor, list[str]]
"""A batch: images (N, C, H, W) and their targets; if some cannot be read, also why each cannot, "" for the others."""


class PredictionDataset(Dataset[PredictionSample]):
    """A data set in which an image that cannot be read is black, and the batch has a third part: the reasons.

    Args:
        dataset: The images.
        image_shape: Channels, height and width, of batches without any image that can be read.
    """

    def __init__(self, dataset: ImageDataset, image_shape: tuple[int, int, int]) -> None:
        self.dataset = dataset
        self.image_shape = image_shape

    @property
    def paths(self) -> Sequence[str]:
        """An identifier of each sample."""
        return self.dataset.paths

    @property
    def targets(self) -> Tensor:
        """Class of each, as far as it is known."""
        return self.dataset.targets

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: list[int]) -> PredictionSample:
        try:
            return self.dataset.__getitems__(indices)
        except UnreadableImageError:
            return self._one_by_one(indices)

    def _one_by_one(self, indices: list[int]) -> PredictionSample:
        found = [self._image_or_reason(index) for index in indices]
        first = next((image for image, _ in found if image is not None), None)
        black = torch.zeros(self.image_shape, dtype=torch.uint8) if first is None else torch.zeros_like(first)
        images = [black if image is None else image for image, _ in found]
        batch = stack_images(images, len(images), self.dataset.split)
        return batch, self.dataset.targets[indices], [reason for _, reason in found]

    def _image_or_reason(self, index: int) -> tuple[Tensor | None, str]:
        try:
            return self.dataset[index][0], ""
        except UnreadableImageError as error:
            return None, error.reason
