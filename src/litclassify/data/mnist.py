"""MNIST and Fashion-MNIST, from IDX files."""

import os
from typing import Any, ClassVar

from torch import Tensor
from torchvision import datasets

from litclassify.data.downloaded import DownloadedDataModule
from litclassify.data.in_memory_datamodule import DataFacts


class MNIST(DownloadedDataModule):
    """MNIST: 70,000 gray images of handwritten digits, 28x28 pixels, 10,000 of them for test.

    Neither training nor evaluation transforms images by default.

    Args:
        image_size: Size in pixels that images are resized to before any transform, as one number for a square
            or [H, W]; they are stored as 28x28.
    """

    facts: ClassVar[DataFacts] = DataFacts(
        class_names=tuple("0123456789"), image_size=(28, 28), mean=(0.1307,), std=(0.3081,)
    )
    source: ClassVar[type[Any]] = datasets.MNIST

    def __init__(self, *, image_size: int | tuple[int, int] = 28, **kwargs: Any) -> None:
        super().__init__(image_size=image_size, **kwargs)

    def _download(self) -> None:
        self.source(self.root, download=True)

    def _read(self, train: bool) -> tuple[Tensor, Tensor]:
        stored = self.source(self.root, train=train)
        return stored.data[:, None], stored.targets

    def _where(self) -> str:
        files = ", ".join(name for name, _ in self.source.resources)
        return f"put {files} into '{os.path.join(self.root, self.source.__name__, 'raw')}'."


class FashionMNIST(MNIST):
    """Fashion-MNIST: 70,000 gray images of clothes, 28x28 pixels, 10,000 of them for test.

    Neither training nor evaluation transforms images by default.

    Args:
        image_size: Size in pixels that images are resized to before any transform, as one number for a square
            or [H, W]; they are stored as 28x28.
    """

    facts: ClassVar[DataFacts] = DataFacts(
        class_names=tuple(datasets.FashionMNIST.classes), image_size=(28, 28), mean=(0.2860,), std=(0.3530,)
    )
    source: ClassVar[type[Any]] = datasets.FashionMNIST
