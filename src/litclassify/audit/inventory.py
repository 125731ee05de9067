"""What there is to audit: the images of a data module, also those that `fit` would refuse."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from litclassify.audit.finding import Finding
from litclassify.data import ImageDataModule, ImageFolder
from litclassify.data.image_files_datamodule import ImageFilesDataModule
from litclassify.data.listing.class_folders import subfolders
from litclassify.data.listing.exclusions import positions_left
from litclassify.data.listing.find_images import only_images, walk_files
from litclassify.data.listing.split_names import SPLITS
from litclassify.errors import UserError
from litclassify.files.image_formats import known_formats
from litclassify.files.regular_file import open_regular


@dataclass(frozen=True, slots=True)
class Sample:
    """An image with its label."""

    path: str
    """Relative to the root, with slashes; the identifier of an image in memory."""
    split: str
    """train, val or test."""
    class_name: str


@dataclass
class Inventory:
    """The images of a data set."""

    samples: list[Sample] = field(default_factory=list)
    root: str | None = None
    """What paths are relative to; None for images in memory."""
    classes: dict[str, list[str]] = field(default_factory=dict)
    """Classes of each split, also those without images."""
    findings: list[Finding] = field(default_factory=list)
    """What is wrong before any image is read."""
    label_separator: str | None = None
    """What stands between the labels of an image that may have several; None where each has one class."""
    pixels: list[npt.NDArray[np.uint8]] | None = None
    """Images in memory, (H, W) or (H, W, 3)."""

    @property
    def can_exclude(self) -> bool:
        """Whether the data module takes `exclude`: those of image files do."""
        return self.root is not None

    def file(self, path: str) -> str:
        """Give where a file lies."""
        assert self.root is not None
        return os.path.join(self.root, path)

    def source(self, index: int) -> str | npt.NDArray[np.uint8]:
        """Give what an image is read from."""
        return self.file(self.samples[index].path) if self.pixels is None else self.pixels[index]


def take_inventory(data: ImageDataModule) -> Inventory:
    """List the images of a data module with split and label.

    Raises:
        UserError: The data module refuses its data; of folders whose splits are told by their names, what `fit`
            refuses is a finding.
    """
    if isinstance(data, ImageFolder):
        return _of_folders(data)
    if isinstance(data, ImageFilesDataModule):
        return _of_files(data)
    return _of_memory(data)


def _of_files(data: ImageFilesDataModule) -> Inventory:
    root = data.folder or "."
    inventory = Inventory(root=root, label_separator=getattr(data, "label_separator", None))
    for split, samples in data.samples.items():
        names = _label_texts(samples.targets, data.class_names, inventory.label_separator)
        paths = [relative(path, root) for path in samples.paths]
        inventory.samples += [Sample(path, split, name) for path, name in zip(paths, names, strict=True)]
        inventory.classes[split] = list(data.class_names)
    return inventory


def _label_texts(targets: Tensor, class_names: Sequence[str], separator: str | None) -> Iterator[str]:
    if separator is None:
        yield from (class_names[target] for target in targets.tolist())
    else:
        yield from (separator.join(class_names[i] for i in row.nonzero()[:, 0].tolist()) for row in targets)


def _of_memory(data: ImageDataModule) -> Inventory:
    data.prepare_data()
    inventory = Inventory(pixels=[])
    assert inventory.pixels is not None
    for split, stage in zip(SPLITS, ("fit", "fit", "test"), strict=True):
        data.setup(stage)
        dataset = getattr(data, f"{split}_dataloader")().dataset
        inventory.classes[split] = list(data.class_names)
        names = _label_texts(dataset.targets, data.class_names, None)
        inventory.samples += [Sample(path, split, name) for path, name in zip(dataset.paths, names, strict=True)]
        for index in range(len(dataset)):
            pixels = dataset.read(index).permute(1, 2, 0).numpy()
            inventory.pixels.append(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return inventory


def _of_folders(data: ImageFolder) -> Inventory:
    inventory = Inventory(root=data.root)
    folders = data.split_folders
    splits: dict[str, str] = {}
    try:
        for split, samples in data.samples.items():
            splits.update(dict.fromkeys((relative(path, data.root) for path in samples.paths), split))
    except UserError as error:
        if not os.path.isdir(data.root):
            raise
        inventory.findings.append(Finding("refused", str(error)))
    inventory.findings += [Finding("unused_folder", f"'{name}'") for name in data.unused_folders]
    for split, folder in folders.items():
        for name in subfolders(folder):
            inventory.classes.setdefault(split, []).append(name)
            found = sorted(walk_files(os.path.join(folder, name)))
            files = [found[i] for i in positions_left(found, data.excluded_paths)]
            images = set(only_images(files))
            for file in files:
                path = relative(file, data.root)
                if file in images:
                    inventory.samples.append(Sample(path, splits.get(path, split), name))
                else:
                    inventory.findings.append(_not_listed(file, path, split, name))
            if not images:
                inventory.findings.append(
                    Finding("empty_class", f"{len(files)} files, none with the ending of an image.", "", split, name)
                )
    for split in set(splits.values()) - set(inventory.classes):
        inventory.classes[split] = list(inventory.classes["train"])
    return inventory


def _not_listed(file: str, path: str, split: str, class_name: str) -> Finding:
    try:
        with open_regular(file) as stream, Image.open(stream, formats=known_formats()) as image:
            return Finding("no_image_ending", f"It holds {image.format}.", path, split, class_name)
    except Exception:  # Pillow's readers raise whatever their parsing meets.
        return Finding("other_file", "No image.", path, split, class_name)


def relative(path: str, root: str) -> str:
    """Give a path as `audit.csv` and `exclude.txt` name it: relative to the root, with slashes."""
    return PurePath(os.path.relpath(path, root)).as_posix()
