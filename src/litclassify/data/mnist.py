"""MNIST and Fashion-MNIST, from IDX files."""

import math
import os
from pickle import UnpicklingError
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torchvision import datasets

from litclassify.data.downloaded import DownloadedDataModule
from litclassify.data.in_memory_datamodule import DataFacts
from litclassify.errors import UserError

# What IDX files call the type of their elements.
UNSIGNED_BYTE = 8
MAX_DIMENSIONS = 3
"""Those of an array of images; labels have one."""
LABELS_HEADER_BYTES = 8


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
    mirrored: ClassVar[bool] = False
    padding_mode: ClassVar[Literal["constant", "reflect"]] = "constant"
    source: ClassVar[type[Any]] = datasets.MNIST

    def __init__(self, *, image_size: int | tuple[int, int] = 28, **kwargs: Any) -> None:
        super().__init__(image_size=image_size, **kwargs)

    def _is_complete(self) -> bool:
        return all(os.path.isfile(self._file(name.removesuffix(".gz"))) for name, _ in self.source.resources)

    def _download(self) -> None:
        try:
            self.source(self.root, download=True)
        except UnpicklingError as error:
            # Where older versions kept their copies, torchvision looks first.
            folder = os.path.join(self.root, self.source.__name__, "processed")
            raise UserError(f"'{folder}' holds files that run code when they are loaded. Delete it.") from error

    def _read(self, train: bool) -> tuple[Tensor, Tensor]:
        part = "train" if train else "t10k"
        images = read_idx(self._file(f"{part}-images-idx3-ubyte"))
        return images[:, None], read_idx(self._file(f"{part}-labels-idx1-ubyte")).long()

    def _count_test_images(self) -> int:
        return os.path.getsize(self._file("t10k-labels-idx1-ubyte")) - LABELS_HEADER_BYTES

    def _where(self) -> str:
        files = ", ".join(name for name, _ in self.source.resources)
        return f"put {files} into '{self._file('')}'."

    def _file(self, name: str) -> str:
        return os.path.join(self.root, self.source.__name__, "raw", name)


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
    mirrored: ClassVar[bool] = True
    source: ClassVar[type[Any]] = datasets.FashionMNIST


def read_idx(path: str) -> Tensor:
    """Read an array of bytes from an IDX file, without a second copy in memory.

    Source: https://yann.lecun.org/exdb/mnist (the IDX file format)

    Returns:
        uint8, of the shape in the file.

    Raises:
        UserError: The file is not an array of bytes, or not a whole one.
    """
    magic = np.fromfile(path, dtype=np.uint8, count=4).tolist()
    kind, num_dimensions = magic[2:] if len(magic) == 4 else (None, 0)  # noqa: PLR2004
    shape = np.fromfile(path, dtype=">i4", count=num_dimensions, offset=4).tolist()
    header_bytes = 4 + 4 * num_dimensions
    fits = kind == UNSIGNED_BYTE and num_dimensions <= MAX_DIMENSIONS
    if not fits or os.path.getsize(path) != header_bytes + math.prod(shape):
        raise UserError(f"'{path}' is damaged: not an IDX file of bytes of shape {shape}. Delete it to get it anew.")
    return torch.from_numpy(np.fromfile(path, dtype=np.uint8, offset=header_bytes).reshape(shape))
