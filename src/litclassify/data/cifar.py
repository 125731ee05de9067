"""CIFAR-10 and CIFAR-100, from their binary archives.

torchvision reads the Python archives, which are pickles; these hold nothing but bytes.
Source: https://www.cs.toronto.edu/~kriz/cifar.html
"""

import os
import shutil
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets.utils import download_url

from litclassify.data.augmentation.transforms import TransformList
from litclassify.data.downloaded import DownloadedDataModule
from litclassify.data.in_memory_datamodule import DataFacts
from litclassify.errors import UserError
from litclassify.files.durable_files import replacing

IMAGE_BYTES = 3 * 32 * 32

CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck"

CIFAR100_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


class CIFAR10(DownloadedDataModule):
    """CIFAR-10: 60,000 colour photographs of 32x32 pixels in 10 classes, 10,000 of them for test.

    By default, training shifts images by up to an eighth of their size (RandomCrop with reflected borders)
    and mirrors half of them; evaluation transforms none.

    Args:
        image_size: Size in pixels that images are resized to before any transform, as one number for a square
            or [H, W]; they are stored as 32x32.
    """

    facts: ClassVar[DataFacts] = DataFacts(
        class_names=tuple(CIFAR10_NAMES.split()),
        image_size=(32, 32),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
    )
    url: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    md5: ClassVar[str] = "c32a1d4ab5d03f1284b67883e8d87530"
    folder: ClassVar[str] = "cifar-10-batches-bin"
    train_files: ClassVar[tuple[str, ...]] = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    test_files: ClassVar[tuple[str, ...]] = ("test_batch.bin",)
    label_bytes: ClassVar[int] = 1

    def __init__(self, *, image_size: int | tuple[int, int] = 32, **kwargs: Any) -> None:
        super().__init__(image_size=image_size, **kwargs)

    def default_train_transform(self) -> TransformList:
        """Shift and mirror: the usual augmentation of CIFAR."""
        return self._preset("flip_crop")

    def _missing(self) -> list[str]:
        return [name for name in self.train_files + self.test_files if not os.path.isfile(self._file(name))]

    def _is_complete(self) -> bool:
        return not self._missing()

    def _download(self) -> None:
        download_url(self.url, self.root, md5=self.md5)
        archive = os.path.join(self.root, os.path.basename(self.url))
        extract_files(archive, self.folder, self._missing(), os.path.join(self.root, self.folder))

    def _read(self, train: bool) -> tuple[Tensor, Tensor]:
        files = [self._file(name) for name in (self.train_files if train else self.test_files)]
        counts = [count_records(file, self.label_bytes) for file in files]
        images = torch.empty((sum(counts), 3, 32, 32), dtype=torch.uint8)
        targets = torch.empty(sum(counts), dtype=torch.int64)
        # One file after the other into its place: joining them would take the memory twice.
        parts = zip(files, torch.split(images, counts), torch.split(targets, counts), strict=True)
        for file, file_images, file_targets in parts:
            read_records(file, self.label_bytes, file_images, file_targets)
        return images, targets

    def _count_test_images(self) -> int:
        return sum(os.path.getsize(self._file(name)) for name in self.test_files) // (self.label_bytes + IMAGE_BYTES)

    def _where(self) -> str:
        return f"put {os.path.basename(self.url)} into '{self.root}' (from {self.url}, md5 {self.md5})."

    def _file(self, name: str) -> str:
        return os.path.join(self.root, self.folder, name)


class CIFAR100(CIFAR10):
    """CIFAR-100: 60,000 colour photographs of 32x32 pixels in 100 (fine) classes, 10,000 of them for test.

    By default, training shifts images by up to an eighth of their size (RandomCrop with reflected borders)
    and mirrors half of them; evaluation transforms none.

    Args:
        image_size: Size in pixels that images are resized to before any transform, as one number for a square
            or [H, W]; they are stored as 32x32.
    """

    facts: ClassVar[DataFacts] = DataFacts(
        class_names=tuple(CIFAR100_NAMES.split()),
        image_size=(32, 32),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    )
    url: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
    md5: ClassVar[str] = "03b5dce01913d631647c71ecec9e9cb8"
    folder: ClassVar[str] = "cifar-100-binary"
    train_files: ClassVar[tuple[str, ...]] = ("train.bin",)
    test_files: ClassVar[tuple[str, ...]] = ("test.bin",)
    label_bytes: ClassVar[int] = 2  # The coarse class, then the fine one.


def count_records(path: str, label_bytes: int) -> int:
    """Count records of `label_bytes` labels and 3,072 pixels.

    Raises:
        UserError: The file is not a whole number of records.
    """
    num_bytes = os.path.getsize(path)
    record_bytes = label_bytes + IMAGE_BYTES
    if num_bytes == 0 or num_bytes % record_bytes:
        raise UserError(
            f"'{path}' is damaged: {num_bytes} bytes are not a whole number of records of {record_bytes}. "
            "Delete it, and it will be extracted anew."
        )
    return num_bytes // record_bytes


def read_records(path: str, label_bytes: int, images: Tensor, targets: Tensor) -> None:
    """Read all records of a file; the last label is the target.

    Args:
        path: The file.
        label_bytes: Labels of each record.
        images: Takes the images: uint8 (N, 3, 32, 32).
        targets: Takes the targets: int64 (N,).
    """
    records = torch.from_numpy(np.fromfile(path, dtype=np.uint8)).view(len(images), -1)
    images.copy_(records[:, label_bytes:].view_as(images))
    targets.copy_(records[:, label_bytes - 1])


def extract_files(archive: str, folder: str, names: list[str], target: str) -> None:
    """Extract the regular files `<folder>/<name>` of a tar archive into `target`, and nothing else.

    Raises:
        UserError: The archive lacks one of them, or holds something else by that name.
    """
    os.makedirs(target, exist_ok=True)
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar.getmembers() if member.isreg()}
        for name in names:
            member = members.get(f"{folder}/{name}")
            content = tar.extractfile(member) if member else None
            if content is None:
                raise UserError(f"'{archive}' holds no file '{folder}/{name}'. Delete it and download it again.")
            with replacing(Path(target, name)) as file:
                shutil.copyfileobj(content, file)
