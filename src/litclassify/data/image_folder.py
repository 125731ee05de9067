"""The user's own images, one folder per class."""

import os
from functools import cached_property
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn

from litclassify.data.image_files_datamodule import ImageFilesDataModule, folder_at
from litclassify.data.listing.class_folders import (
    ClassFiles,
    is_among_classes,
    label_samples,
    quote_names,
    scan_labelled,
    scan_training_classes,
)
from litclassify.data.listing.labelled_files import LabelledFiles, Samples
from litclassify.data.listing.split_folders import SplitFolders, find_split_folders
from litclassify.errors import UserError


class ImageFolder(ImageFilesDataModule):
    """Image files in one folder per class.

    `root` holds either `train/<class>/…`, and optionally `val/<class>/…` and `test/<class>/…`, or the class
    folders themselves. `training`, `valid`, `validation`, `dev` and `testing` are other names of these, in any case.
    Images may lie in folders below, also those that links lead to; hidden files are passed over.

    By default, with an image_size over 64, training takes random crops of random size (RandomResizedCrop) and
    mirrors half of them, and evaluation takes the central crop, both of the proportions of image_size. Up to 64,
    images are resized whole; training shifts them by up to an eighth and mirrors half of them.

    Args:
        root: The folder of the images.
    """

    def __init__(self, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = folder_at(root)

    @property
    def folder(self) -> str:
        """The root."""
        return self.root

    @property
    def class_names(self) -> list[str]:
        """Names of the class folders, sorted; the first use looks for them on disk."""
        return list(self._training_classes)

    @cached_property
    def _training_classes(self) -> ClassFiles:
        if self.cache == "disk" and self.cache_dir is not None:
            self.check_is_no_class("data.cache_dir", os.path.expanduser(self.cache_dir))
        return scan_training_classes(self.split_folders["train"])

    @property
    def split_folders(self) -> dict[str, str]:
        """Where the class folders of each split lie that is given; the root, where it holds them itself.

        Raises:
            UserError: The names of the folders do not tell.
        """
        return self._found.paths

    @property
    def unused_folders(self) -> list[str]:
        """Names of folders of images beside those of the splits."""
        return self._found.unused

    def check_is_no_class(self, key: str, path: str) -> None:
        """Check a folder that is to be made.

        Args:
            key: The argument that names it.
            path: Where.

        Raises:
            UserError: It would lie among the class folders.
        """
        for folder in self.split_folders.values():
            if is_among_classes(path, folder):
                hidden = os.path.join(folder, f".{os.path.basename(path)}")
                raise UserError(
                    f"{key}: '{path}' would be taken for a class, or for a part of one: it lies in '{folder}'. Give a "
                    f"folder elsewhere, or a hidden one, '{hidden}'.",
                    key.lstrip("-"),
                )

    @cached_property
    def _found(self) -> SplitFolders:
        return find_split_folders(self.root)

    def _read_labels(self) -> LabelledFiles:
        folders = self.split_folders
        if self.unused_folders:
            rank_zero_warn(
                f"{self._origin}: {quote_names(self.unused_folders)} beside {self._part('train')} is used for nothing. "
                "Folders of images to evaluate on are named val or test."
            )
        paths, targets = label_samples(self._training_classes, self.class_names)
        found = {name: scan_labelled(folders[name], self.class_names) for name in folders if name != "train"}
        return LabelledFiles(
            training=Samples(paths, torch.tensor(targets)),
            evaluation={name: Samples(files, torch.tensor(labels)) for name, (files, labels) in found.items()},
            divided=folders["train"] != self.root,
        )

    @property
    def _origin(self) -> str:
        return f"data.root='{self.root}'"

    def _part(self, split: str) -> str:
        folder = self.split_folders.get(split, self.root)
        return f"{split if folder == self.root else os.path.basename(folder)}/"
