"""Data sets of small images that are held in memory."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from litclassify.data.datamodule import ImageDataModule
from litclassify.data.datasets import Sample, Split
from litclassify.data.in_memory import ImageTensorDataset
from litclassify.data.transforms import TransformList, compose
from litclassify.errors import UserError

MAX_RESIDENT_SHARE = 0.25


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

    Args:
        device_resident: Hold the images on the accelerator and make batches there: nothing is left to copy while
            training. auto does so on a CUDA device if they take no more than a quarter of its free memory. On the
            CPU it has no effect.
    """

    facts: ClassVar[DataFacts]

    def __init__(self, *, device_resident: bool | Literal["auto"] = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.device_resident = device_resident
        if device_resident is True and self.num_workers not in ("auto", 0):
            raise UserError(
                f"data.device_resident=true makes batches on the accelerator, without workers, got data.num_workers="
                f"{self.num_workers}: leave one of them out."
            )

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

    def _loader(self, split: Split) -> DataLoader[Sample]:
        dataset = self._dataset(split)
        if isinstance(dataset, ImageTensorDataset) and self._is_resident(dataset):
            assert self.trainer is not None
            dataset.to(self.trainer.strategy.root_device)
        return super()._loader(split)

    def _is_resident(self, dataset: ImageTensorDataset) -> bool:
        """Whether batches of the data set are to be made on the accelerator."""
        device = torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device
        if device.type == "cpu" or self.device_resident is False or self._num_workers(dataset) > 0:
            return False
        if self.device_resident is True or device.type != "cuda":
            return self.device_resident is True
        free, _ = torch.cuda.mem_get_info(device)
        return dataset.nbytes <= MAX_RESIDENT_SHARE * free

    def _resize_first(self, source_size: tuple[int, int] | None) -> TransformList:
        return [] if source_size == self.image_size else [v2.Resize(self.image_size)]
