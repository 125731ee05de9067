"""Folders of class folders: the name of a folder is the class of the images in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_info

from litclassify.data.listing.find_images import list_images, only_images
from litclassify.data.listing.split_names import SPLIT_NAMES
from litclassify.errors import UserError

MIN_CLASSES = 2

ClassFiles = dict[str, list[str]]
"""Image files by class name, both sorted."""

LabelledPaths = tuple[list[str], list[int]]
"""Image files and their targets."""


def scan_class_folders(folder: str) -> ClassFiles:
    """List the images of every class folder in `folder`; hidden files and folders are passed over.

    Raises:
        UserError: `folder` does not exist.
    """
    if not os.path.isdir(folder):
        raise UserError(
            f"data.root: there is no folder '{folder}'. Give the folder that holds one folder per class, or "
            "train/ (and val/ and test/) with one folder per class."
        )
    return {name: list_images(os.path.join(folder, name)) for name in subfolders(folder)}


def subfolders(folder: str) -> list[str]:
    """Give the names of the folders in `folder`, sorted; hidden ones are passed over."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def is_among_classes(path: str, folder: str) -> bool:
    """Tell whether what is written to `path` would be taken for a class in `folder`, or for a part of one."""
    place, classes = Path(path).resolve(), Path(folder).resolve()
    return classes in place.parents and not any(part.startswith(".") for part in place.relative_to(classes).parts)


def scan_training_classes(folder: str) -> ClassFiles:
    """The same, where each folder found defines a class.

    Raises:
        UserError: There are fewer than two classes, or one without images.
    """
    classes = scan_class_folders(folder)
    if len(classes) < MIN_CLASSES:
        loose = len(only_images(entry.name for entry in os.scandir(folder) if entry.is_file()))
        beside = f" and {loose} image{'s' if loose > 1 else ''} without a class" if loose else ""
        raise UserError(
            f"num_classes must be at least {MIN_CLASSES}, got {len(classes)}: '{folder}' holds "
            f"{_folders(list(classes))}{beside}. Put one folder per class under data.root, such as data.root/cat/1.jpg "
            "and data.root/dog/2.jpg, or those below data.root/train."
        )
    empty = [name for name, files in classes.items() if not files]
    if empty:
        raise UserError(
            f"data.root: no images in {_folders(empty)} of '{folder}'. Every class needs images: add some, "
            "or remove the folder."
        )
    return classes


def label_samples(classes: ClassFiles, class_names: Sequence[str]) -> LabelledPaths:
    """Flatten `classes` to files and targets, which are positions in `class_names`."""
    index = {name: position for position, name in enumerate(class_names)}
    paths = [file for files in classes.values() for file in files]
    targets = [index[name] for name, files in classes.items() for _ in files]
    return paths, targets


def scan_labelled(folder: str, class_names: Sequence[str]) -> LabelledPaths:
    """Files and targets of an evaluation folder, which may lack classes but not have ones of its own.

    Raises:
        UserError: It has a class that is not in `class_names`, or no images.
    """
    classes = scan_class_folders(folder)
    unknown = [name for name in classes if name not in class_names]
    if unknown:
        raise UserError(
            f"data.root: '{folder}' holds {_folders(unknown)}, but the training classes are "
            f"{quote_names(class_names)}. Rename or remove what does not belong."
        )
    paths, targets = label_samples(classes, class_names)
    if not paths:
        raise UserError(f"data.root: no images in '{folder}'. Add some, or remove the folder.")
    return paths, targets


def folder_targets(folder: str, paths: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """Give the position in `class_names` of the folder that each of `paths` lies in; all -1 if one lies elsewhere.

    Says so where `folder` holds splits in place of classes.
    """
    index = {name: position for position, name in enumerate(class_names)}
    start = os.path.join(os.path.expanduser(folder), "")
    found = [
        index.get(path.removeprefix(start).partition(os.sep)[0], -1) if path.startswith(start) else -1 for path in paths
    ]
    if min(found) >= 0:
        return found
    if class_names and (splits := _folders_of_splits(folder)):
        rank_zero_info(
            f"data.path='{folder}' holds the splits {', '.join(splits)} in place of classes, so there is no "
            f"target to compare with. --data.path {os.path.join(folder, splits[0])} compares with its classes."
        )
    return [-1] * len(paths)


def _folders_of_splits(folder: str) -> list[str]:
    """Give the names of the folders in `folder` that are named for splits, sorted; none if it is not a folder."""
    folder = os.path.expanduser(folder)
    return [name for name in subfolders(folder) if name.lower() in SPLIT_NAMES] if os.path.isdir(folder) else []


def quote_names(names: Sequence[str], limit: int = 5) -> str:
    """Up to `limit` names in quotes, and how many there are if that is not all."""
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names)} in all)"


def _folders(names: Sequence[str]) -> str:
    if not names:
        return "no folders"
    return f"{'one folder' if len(names) == 1 else f'{len(names)} folders'} ({quote_names(names)})"
