"""What `fit` says of the data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torchvision.transforms import v2

from litclassify.data import Digits, ImageFolder, ImageTable
from litclassify.data.datamodule import ImageDataModule
from litclassify.data.description import describe

MakeFolder = Callable[[dict[str, int]], str]
TRAIN = {"train/cat": 20, "train/dog": 30}


def described(data: ImageDataModule) -> list[str]:
    data.setup("fit")
    return describe(data)


def test_images_that_are_drawn_are_said_to_be() -> None:
    assert described(Digits()) == [
        "Digits: train 1,258 images, validation 180 (drawn from train), test 359 (drawn from train)",
        "10 classes (0, 1, 2, 3, 4, …), 8x8 pixels, gray, train_transform: none (default)",
    ]


@pytest.mark.parametrize(
    ("counts", "counted"),
    [
        (TRAIN, "train 45 images, validation 5 (drawn from train), no test images"),
        (TRAIN | {"val/cat": 3, "val/dog": 4, "test/dog": 4, "test/cat": 1}, "train 50 images, validation 7, test 5"),
        ({"cat": 20, "dog": 30}, "train 40 images, validation 5 (drawn from train), test 5 (drawn from train)"),
    ],
)
def test_folders_are_counted(counts: dict[str, int], counted: str, make_folder: MakeFolder) -> None:
    assert described(ImageFolder(make_folder(counts), image_size=(16, 12), batch_size=8)) == [
        f"ImageFolder: {counted}",
        "2 classes (cat, dog), 16x12 pixels, RGB, train_transform: Resize, RandomCrop, RandomHorizontalFlip (default)",
    ]


def test_classes_that_an_evaluation_lacks_are_named(make_folder: MakeFolder) -> None:
    folder = make_folder(TRAIN | {"train/emu": 20, "val/cat": 3, "val/emu": 1, "test/dog": 4})
    assert described(ImageFolder(folder, image_size=(16, 12), batch_size=8))[2:] == [
        "Without validation images (1 of 3): dog",
        "Without test images (2 of 3): cat, emu",
    ]


@pytest.mark.parametrize(("batch_size", "lines"), [(49, 2), (50, 3), (256, 3)])
def test_an_epoch_of_one_step_is_said_to_be(batch_size: int, lines: int, make_folder: MakeFolder) -> None:
    data = ImageFolder(make_folder(TRAIN | {"val/cat": 3, "val/dog": 3}), image_size=(16, 12), batch_size=batch_size)
    found = described(data)
    assert len(found) == lines
    assert lines == 2 or found[2].startswith("All 50 training images are in one batch: an epoch is one step")


def test_folds_are_counted(make_folder: MakeFolder) -> None:
    data = ImageFolder(make_folder(TRAIN), val_fold=[0, 2])
    assert described(data)[0] == "ImageFolder: train 25 images, validation 25 (drawn from train), no test images"


def test_the_split_that_is_not_trained_on_is_not_built(make_folder: MakeFolder) -> None:
    data = ImageFolder(make_folder(TRAIN | {"test/cat": 2}))
    described(data)
    assert set(data._datasets) == {"train", "val"}


@pytest.mark.parametrize(
    ("train_transform", "said"),
    [
        ([v2.RandomRotation(10), "none"], "RandomRotation, none"),
        ("rand_augment", "rand_augment"),
        ([], "none"),
        ([v2.RandomHorizontalFlip()] * 6, f"{'RandomHorizontalFlip, ' * 5}…"),
        ([abs], "abs"),
    ],
)
def test_transforms_are_named(train_transform: object, said: str) -> None:
    data = Digits(train_transform=train_transform)
    assert described(data)[1].partition("train_transform: ")[2] == said


def test_labels_of_a_table_are_counted(make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder({"": 20})
    rows = [f"root/{i}.png,{'sun' if i % 2 else 'sea;sun'}" for i in range(20)]
    (tmp_path / "table.csv").write_text("\n".join(["path,label", *rows]))
    data = ImageTable(str(tmp_path / "table.csv"), label_separator=";", grayscale=True, image_size=16, batch_size=8)
    counted, seen = described(data)
    assert counted == "ImageTable: train 16 images, validation 2 (drawn from train), test 2 (drawn from train)"
    assert seen.startswith("2 labels (sea, sun), 16x16 pixels, gray, ")


@pytest.mark.parametrize(
    ("settings", "enlarged"),
    [({"image_size": 20}, True), ({"image_size": 19}, False), ({"image_size": 20, "eval_transform": []}, False)],
)
def test_images_that_are_enlarged_twice_are_said_to_be(
    settings: dict[str, Any], enlarged: bool, make_folder: MakeFolder
) -> None:
    line = (
        "The images are small, 10x12 pixels at most of 9 looked at, and are enlarged to 20x20: --data.image_size sets "
        "the size."
    )
    assert described(ImageFolder(make_folder(TRAIN), batch_size=8, **settings))[2:] == [line] * enlarged


def test_files_without_a_size_are_passed_over(make_folder: MakeFolder) -> None:
    root = make_folder(TRAIN)
    for file in Path(root).rglob("*.png"):
        file.write_bytes(b"")
    assert len(described(ImageFolder(root, image_size=64, cache=None, batch_size=8))) == 2
