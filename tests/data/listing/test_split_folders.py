import os

import pytest

from litclassify.data.listing.split_folders import find_split_folders
from litclassify.errors import UserError

CLASSES = ("cat", "dog")


def split(*folders: str) -> dict[str, int]:
    return {f"{folder}/{name}": 1 for folder in folders for name in CLASSES}


def found(root: str) -> dict[str, str]:
    return {name: os.path.relpath(path, root) for name, path in find_split_folders(root).paths.items()}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["train", "val", "test"], ["train", "val", "test"]),
        (["training", "validation", "testing"], ["training", "validation", "testing"]),
        (["Train", "Valid", "TEST"], ["Train", "Valid", "TEST"]),
        (["train", "dev"], ["train", "dev"]),
    ],
)
def test_splits_are_found_by_their_usual_names(make_folder, folders, expected):
    assert found(make_folder(split(*folders))) == dict(zip(("train", "val", "test"), expected, strict=False))


@pytest.mark.parametrize(
    "counts",
    [{"cat": 1, "dog": 1}, {"cat": 1, "test": 1}, {"bus": 1, "train": 1}, {"bus": 1, "train": 1, "test": 1}],
    ids=" ".join,
)
def test_classes_may_have_such_names_among_others(make_folder, counts):
    assert found(make_folder(counts)) == {"train": "."}


@pytest.mark.parametrize("part", ["test", "Val", "dev"])
def test_a_part_beside_the_classes_is_no_class(make_folder, part):
    said = rf"^data\.root: '.*' holds 'cat', 'dog' beside '{part}', which holds folders of these names[^\n]*$"
    with pytest.raises(UserError, match=said):
        find_split_folders(make_folder({"cat": 2, "dog": 2, "fox": 2} | split(part)))


def test_a_class_named_for_a_split_may_hold_folders(make_folder):
    assert found(make_folder({"cat": 1, "test/may": 1, "test/june": 1})) == {"train": "."}


def test_a_folder_of_training_images_without_classes_is_no_class(make_folder):
    assert found(make_folder({"train": 3, "val": 3})) == {"train": "train", "val": "val"}


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["train", "val", "validation"], "'val' and 'validation', which both stand for val"),
        (["training", "train"], "'train' and 'training', which both stand for train"),
        (["val", "test"], "'test', 'val', named for splits, and no folder of training images"),
    ],
)
def test_names_that_do_not_tell_are_refused_in_a_line(make_folder, folders, said):
    with pytest.raises(UserError, match=rf"^data\.root: '.*' holds {said}[^\n]*$"):
        find_split_folders(make_folder(split(*folders)))


def test_folders_of_images_beside_the_splits_are_unused(make_folder, tmp_path):
    root = make_folder(split("train", "extra", ".cache"))
    (tmp_path / "root" / "annotations").mkdir()
    assert find_split_folders(root).unused == ["extra"]
    assert find_split_folders(make_folder({"train/fox": 1})).unused == ["extra"]


def test_a_root_that_is_missing_is_left_to_be_scanned():
    assert find_split_folders("nowhere").paths == {"train": "nowhere"}
