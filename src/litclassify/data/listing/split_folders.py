"""Folders that hold the parts of a data set, each with its class folders."""

import os
from dataclasses import dataclass

from litclassify.data.listing.class_folders import quote_names, subfolders
from litclassify.data.listing.find_images import holds_images
from litclassify.data.listing.split_names import SPLIT_NAMES, SPLITS
from litclassify.errors import UserError


@dataclass(frozen=True)
class SplitFolders:
    """Where the class folders of each split lie."""

    paths: dict[str, str]
    """Under "train" and, where they are given, "val" and "test"; the root, where it holds the class folders itself."""
    unused: list[str]
    """Names of folders beside those that hold images, too."""


def find_split_folders(root: str) -> SplitFolders:
    """Find the splits in `root` by the names of its folders, in any case: `train/`, `Validation/`.

    Without a folder of training images, `root` holds the class folders; so it does where the folder by that name holds
    images and no folders, beside classes: it shows trains.

    Raises:
        UserError: Two folders are named for one split, or all for splits and none for training, or one holds the
            classes beside it.
    """
    names = subfolders(root) if os.path.isdir(root) else []
    found: dict[str, list[str]] = {}
    for name in names:
        if name.lower() in SPLIT_NAMES:
            found.setdefault(SPLIT_NAMES[name.lower()], []).append(name)
    unused = [name for name in names if name.lower() not in SPLIT_NAMES]
    if not _is_divided(root, found.get("train", []), unused):
        if names and not unused:
            raise UserError(
                f"data.root: '{root}' holds {quote_names(names)}, named for splits, and no folder of training images. "
                "Add train/ with one folder per class, or give other names to folders that are classes."
            )
        _refuse_parts_among_classes(root, [name for same in found.values() for name in same], unused)
        return SplitFolders({"train": root}, [])
    for split, same in found.items():
        if len(same) > 1:
            raise UserError(
                f"data.root: '{root}' holds {' and '.join(map(repr, same))}, which both stand for {split}. Join them, "
                "or rename what does not belong."
            )
    paths = {split: os.path.join(root, found[split][0]) for split in SPLITS if split in found}
    return SplitFolders(paths, [name for name in unused if holds_images(os.path.join(root, name))])


def _refuse_parts_among_classes(root: str, named_for_splits: list[str], classes: list[str]) -> None:
    """Refuse a folder of evaluation images beside classes: it would be a class itself."""
    for name in named_for_splits:
        inside = [other for other in subfolders(os.path.join(root, name)) if other in classes]
        if inside:
            raise UserError(
                f"data.root: '{root}' holds {quote_names(inside)} beside '{name}', which holds folders of these names, "
                f"too. Move the folders of training images to '{os.path.join(root, 'train')}', or give '{name}' "
                "another place."
            )


def _is_divided(root: str, training: list[str], others: list[str]) -> bool:
    """Tell a folder of training images from a class of railway trains."""
    return any(not others or subfolders(os.path.join(root, name)) for name in training)
