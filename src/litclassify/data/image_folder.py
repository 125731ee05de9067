"""The user's own images, one folder per class."""

import os
from functools import cached_property
from typing import Any, Literal

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torchvision.transforms import v2

from litclassify.data.class_folders import (
    ClassFiles,
    Samples,
    label_samples,
    scan_labelled,
    scan_training_classes,
)
from litclassify.data.datamodule import ImageDataModule
from litclassify.data.datasets import ImageDataset
from litclassify.data.files import ImageFilesDataset
from litclassify.data.image_cache import cache_in_memory, cache_on_disk, is_small
from litclassify.data.in_memory import ImageTensorDataset
from litclassify.data.packed_images import PackedImages, PackedImagesDataset
from litclassify.data.transforms import TransformList, compose
from litclassify.errors import UserError

DEFAULT_SPLIT = 0.1
CACHE_FOLDER = ".litclassify_cache"  # Hidden, so that it is not taken for a class.
# Random resized crops, which train on parts of an object, destroy it in images of up to this size.
SMALL_IMAGE = 64
# Of ImageNet, on which most pretrained networks were trained; for grayscale, the means over the channels.
RGB_MEAN, RGB_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
GRAY_MEAN, GRAY_STD = [0.449], [0.226]


class ImageFolder(ImageDataModule):
    """Image files in one folder per class.

    `root` holds either `train/<class>/…`, and optionally `val/<class>/…` and `test/<class>/…`, or the class
    folders themselves. Images may lie in folders below; hidden files are passed over.

    By default, with an image_size over 64, training takes random crops of random size (RandomResizedCrop) and
    mirrors half of them, and evaluation takes the central crop. Up to 64, images are resized whole; training
    shifts them by up to an eighth and mirrors half of them.

    Args:
        root: The folder of the images.
        val_split: Validation images where there is no folder val/, drawn from the training images with an
            equal share of every class: a count, or a fraction. null means 0.1, or a fold where val_fold is given.
        test_split: Test images where there is no folder test/, likewise. null means 0.1 if root holds the
            class folders themselves, and no test set if it holds train/.
        image_size: Height and width in pixels that the default transforms give.
        grayscale: Read images as one channel instead of three.
        mean: Mean of each channel on the scale [0, 1], which the model subtracts. null means ImageNet's.
        std: Standard deviation of each channel on the scale [0, 1], which the model divides by. null means
            ImageNet's.
        cache: Decode images once, resized to a shorter side of cache_size, and apply the transforms to these.
            disk keeps them in a file in cache_dir, which all processes and later runs share until an image changes;
            ram keeps them in the memory of each training process, for one run. auto is ram where no image has to be
            resized for it, judged by some of them, and all together take no more than 1 GiB. null decodes every image
            each time.
        cache_size: Shorter side in pixels of cached images, at least 1; smaller images keep their size. Random crops
            show more detail the larger it is. null means image_size / 0.875, of which the default evaluation takes
            the central crop.
        cache_dir: Folder of the cache on disk. null means .litclassify_cache in root.
    """

    def __init__(
        self,
        root: str,
        *,
        val_split: int | float | None = None,
        test_split: int | float | None = None,
        image_size: int | tuple[int, int] = 224,
        grayscale: bool = False,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        cache: Literal["auto", "ram", "disk"] | None = "auto",
        cache_size: int | None = None,
        cache_dir: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size=image_size, **kwargs)
        self.root = root
        self.val_split = val_split
        self._drawn_for_val = self._val_share(val_split, DEFAULT_SPLIT)
        self.test_split = test_split
        self.grayscale = grayscale
        self._mean = self._per_channel(mean, GRAY_MEAN if grayscale else RGB_MEAN, "data.mean")
        self._std = self._per_channel(std, GRAY_STD if grayscale else RGB_STD, "data.std")
        if min(self._std) <= 0:
            raise UserError(f"data.std must be positive, got {std}.")
        self.cache = cache
        self.cache_size = self._resized if cache_size is None else cache_size
        if self.cache_size < 1:
            raise UserError(f"data.cache_size must be at least 1, got {cache_size}.")
        if cache_size is not None and cache is None:
            rank_zero_warn(f"data.cache_size={cache_size} has no effect without data.cache.")
        if cache_dir is not None and cache != "disk":
            rank_zero_warn(f"data.cache_dir='{cache_dir}' has no effect unless data.cache is disk.")
        self.cache_dir = os.path.join(root, CACHE_FOLDER) if cache_dir is None else os.path.expanduser(cache_dir)

    @property
    def class_names(self) -> list[str]:
        """Names of the class folders, sorted; the first use looks for them on disk."""
        return list(self._training_classes)

    @property
    def mean(self) -> list[float]:
        """Mean of each channel, on the scale [0, 1]."""
        return self._mean

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel, on the scale [0, 1]."""
        return self._std

    @property
    def num_channels(self) -> int:
        """1 for grayscale, 3 for RGB."""
        return 1 if self.grayscale else 3

    def default_train_transform(self) -> TransformList:
        """Random crops and mirroring."""
        if self._is_small:
            padding = max(1, min(self.image_size) // 8)
            crop = [
                v2.Resize(self.image_size),
                v2.RandomCrop(self.image_size, padding=padding, padding_mode="reflect"),
            ]
        else:
            crop = [v2.RandomResizedCrop(self.image_size)]
        return [*crop, v2.RandomHorizontalFlip()]

    def default_eval_transform(self) -> TransformList:
        """The central crop; of small images, the whole."""
        if self._is_small:
            return [v2.Resize(self.image_size)]
        return [v2.Resize(self._resized), v2.CenterCrop(self.image_size)]

    def _make_dataset(self, split: Literal["train", "val", "test"]) -> ImageDataset:
        if split not in self._samples:
            raise UserError(
                f"There is no test set: data.root='{self.root}' has train/ but no test/. Add a folder test/, "
                "set data.test_split to draw it from train/, or, to predict on other images, set data.path."
            )
        paths, targets = self._samples[split]
        transform = compose(self.transform_list(split))
        cache = self._chosen_cache
        if cache is None:
            return ImageFilesDataset(paths, torch.tensor(targets), transform, self.num_channels, split)
        if cache == "disk":
            return PackedImagesDataset(paths, torch.tensor(targets), transform, self._images_on_disk, split)
        images = cache_in_memory(paths, self.num_channels, self.cache_size)
        pixels = images.as_tensor()
        if pixels is None:
            return PackedImagesDataset(paths, torch.tensor(targets), transform, images, split)
        return ImageTensorDataset(pixels, torch.tensor(targets), transform, split, paths=paths)

    @cached_property
    def _chosen_cache(self) -> Literal["ram", "disk"] | None:
        if self.cache != "auto":
            return self.cache
        return "ram" if is_small(self._all_paths, self.num_channels, self.cache_size) else None

    @cached_property
    def _images_on_disk(self) -> PackedImages:
        """The images of all splits, so that no choice of splits makes another cache."""
        return cache_on_disk(self.root, self._all_paths, self.num_channels, self.cache_size, self.cache_dir)

    @property
    def _all_paths(self) -> list[str]:
        return sorted(path for paths, _ in self._samples.values() for path in paths)

    @cached_property
    def _training_classes(self) -> ClassFiles:
        return scan_training_classes(os.path.join(self.root, "train") if self._has_folder("train") else self.root)

    @cached_property
    def _samples(self) -> dict[str, Samples]:
        folders = [name for name in ("val", "test") if self._has_folder("train") and self._has_folder(name)]
        if self.val_fold is not None and "val" in folders:
            raise UserError(
                f"data.val_fold={list(self.val_fold)}: data.root='{self.root}' has a folder val/ to validate on. Move "
                "its images into train/, or leave val_fold out."
            )
        val_split = self._share("val", self.val_split, self._drawn_for_val, folders)
        test_default = None if self._has_folder("train") else DEFAULT_SPLIT
        test_split = self._share("test", self.test_split, test_default, folders)
        paths, targets = label_samples(self._training_classes, self.class_names)
        parts = self._hold_out(targets, val_split, test_split)
        drawn = {name: ([paths[i] for i in part], [targets[i] for i in part]) for name, part in parts.items() if part}
        found = {name: scan_labelled(os.path.join(self.root, name), self.class_names) for name in folders}
        return drawn | found

    def _share(
        self, name: str, given: int | float | None, default: float | None, folders: list[str]
    ) -> int | float | None:
        """What to draw from the training images for the split `name`; nothing if it has a folder."""
        if name not in folders:
            return default if given is None else given
        if given is not None:
            rank_zero_warn(f"data.{name}_split={given} has no effect: data.root='{self.root}' has a folder {name}/.")
        return None

    def _has_folder(self, name: str) -> bool:
        return os.path.isdir(os.path.join(self.root, name))

    @property
    def _resized(self) -> int:
        # The central crop shows 7/8 of the shorter side, as is usual on ImageNet: 224 of 256.
        return round(max(self.image_size) / 0.875)

    @property
    def _is_small(self) -> bool:
        return max(self.image_size) <= SMALL_IMAGE

    def _per_channel(self, values: list[float] | None, default: list[float], key: str) -> list[float]:
        values = default if values is None else values
        if len(values) != self.num_channels:
            raise UserError(f"{key} needs {self.num_channels} number(s), one per channel, got {values}.")
        if not all(0 <= value <= 1 for value in values):
            raise UserError(f"{key} is on the scale [0, 1] of pixel values, got {values}. Divide by 255?")
        return list(values)
