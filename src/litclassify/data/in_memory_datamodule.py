"""Data sets of small images that are held in memory."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torchvision.transforms import v2

from litclassify.data.augmentation.transforms import TransformList, compose
from litclassify.data.datamodule import ImageDataModule
from litclassify.data.datasets.in_memory import ImageTensorDataset


@dataclass(frozen=True)
class DataFacts:
    """What is known of a data set before it is loaded.

    Args:
        class_names: Name of each class, in the order of the targets.
        image_size: Height and width as stored, in pixels.
        mean: Mean of each channel over the training images, on the scale [0, 1].
        std: Standard deviation of each channel, on the scale [0, 1].
    """

    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


class InMemoryDataModule(ImageDataModule):
    """A data set of one known image size, held as a tensor.

    Images are resized to `image_size`, if they differ from it, before `train_transform` and `eval_transform`.
    """

    facts: ClassVar[DataFacts]

    @property
    def class_names(self) -> list[str]:
        """Name of each class, in the order of the targets."""
        return list(self.facts.class_names)

    @property
    def mean(self) -> list[float]:
        """Mean of each channel over the training images, on the scale [0, 1]."""
        return list(self.facts.mean)

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel over the training images, on the scale [0, 1]."""
        return list(self.facts.std)

    @property
    def num_channels(self) -> int:
        """1 for grayscale, 3 for RGB."""
        return len(self.facts.mean)

    @abstractmethod
    def _load(self, split: Literal["train", "val", "test"]) -> tuple[Tensor, Tensor, Sequence[int] | None]:
        """Images, uint8 (M, C, H, W), targets, int64 (M,), and which of them are of this split; None for all."""

    def _make_dataset(self, split: Literal["train", "val", "test"]) -> ImageTensorDataset:
        images, targets, indices = self._load(split)
        transform = compose(self._resize_first(self.facts.image_size) + self.transform_list(split))
        return ImageTensorDataset(images, targets if indices is None else targets[indices], transform, split, indices)

    def _resize_first(self, source_size: tuple[int, int] | None) -> TransformList:
        return [] if source_size == self.image_size else [v2.Resize(self.image_size)]
