from pathlib import Path
from typing import get_args

import pytest
import torch
from torchvision.transforms import v2

from litclassify.data import CIFAR10, MNIST, Digits, FashionMNIST, ImageDataModule, ImageFolder
from litclassify.data.augmentation.presets import Preset
from litclassify.errors import UserError


def class_names(data: ImageDataModule) -> list[str]:
    return [type(transform).__name__ for transform in data.transform_list("train")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", []),
        ("flip_crop", ["RandomCrop", "RandomHorizontalFlip"]),
        ("flip_crop_erasing", ["RandomCrop", "RandomHorizontalFlip", "RandomErasing"]),
        ("trivial_augment", ["RandomCrop", "RandomHorizontalFlip", "TrivialAugmentWide"]),
        ("rand_augment_erasing", ["RandomCrop", "RandomHorizontalFlip", "RandAugment", "RandomErasing"]),
        ("aug_mix", ["RandomCrop", "RandomHorizontalFlip", "AugMix"]),
    ],
)
def test_a_preset_is_named_for_what_is_in_it(name: str, expected: list[str]) -> None:
    assert class_names(CIFAR10(train_transform=name)) == expected


@pytest.mark.parametrize("name", ["flip_crop_erasing", "rand_augment_erasing", "trivial_augment_erasing"])
def test_a_quarter_of_images_is_erased_and_half_is_mirrored(name: str) -> None:
    _, flip, *_, erasing = CIFAR10(train_transform=name).transform_list("train")
    assert (flip.p, erasing.p) == (0.5, 0.25)
    assert (erasing.scale, erasing.ratio, erasing.value) == ((0.02, 0.33), (0.3, 3.3), [0.0])  # As in the paper.


def test_photographs_are_cropped_at_random_and_small_images_shifted() -> None:
    assert class_names(ImageFolder("x", train_transform="flip_crop")) == ["RandomResizedCrop", "RandomHorizontalFlip"]
    small = ImageFolder("x", image_size=32, train_transform="flip_crop")
    assert class_names(small) == ["Resize", "RandomCrop", "RandomHorizontalFlip"]
    assert class_names(ImageFolder("x", train_transform="none")) == ["Resize", "CenterCrop"]


def test_digits_are_not_mirrored_and_have_black_around() -> None:
    for data in (Digits(train_transform="flip_crop"), MNIST(train_transform="flip_crop")):
        (crop,) = data.transform_list("train")
        assert crop.padding_mode == "constant"
    assert class_names(FashionMNIST(train_transform="flip_crop")) == ["RandomCrop", "RandomHorizontalFlip"]


def test_a_name_may_stand_in_a_list() -> None:
    data = CIFAR10(train_transform=["flip_crop", v2.RandomErasing(0.9)])
    assert class_names(data) == ["RandomCrop", "RandomHorizontalFlip", "RandomErasing"]


@pytest.mark.parametrize("grayscale", [False, True])
@pytest.mark.parametrize("image_size", [28, 72])
@pytest.mark.parametrize("name", get_args(Preset))
def test_every_preset_gives_images_of_the_size(
    name: str, image_size: int, grayscale: bool, class_folders: Path
) -> None:
    data = ImageFolder(
        class_folders, train_transform=name, image_size=image_size, grayscale=grayscale, num_workers=0, batch_size=8
    )
    data.setup("fit")
    images, _ = next(iter(data.train_dataloader()))
    assert images.dtype == torch.uint8
    assert images.shape == (8, 1 if grayscale else 3, image_size, image_size)


@pytest.mark.parametrize("name", ["trivial_augment", "trivial_augment_erasing"])
def test_images_that_would_be_moved_out_of_sight_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"data\.train_transform={name} moves images by up to 32 pixels.* 8x8 black"):
        Digits(train_transform=name).transform_list("train")
    assert MNIST(train_transform=name).transform_list("train")
