import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from litclassify.data import ImageFilesDataset
from litclassify.data.augmentation.transforms import TransformList, compose
from litclassify.data.decoding.decode import decode_image
from litclassify.errors import UserError
from litclassify.randomness import SampleRandomness, torch_seeded

CROP, WIDE_CROP, RESIZE = v2.RandomResizedCrop(96), v2.RandomResizedCrop((30, 90)), v2.Resize(120)


def read_all(path: str, transforms: TransformList) -> Tensor:
    """4 draws of the data set."""
    dataset = ImageFilesDataset([path] * 4, torch.zeros(4, dtype=torch.int64), compose(transforms), 3, "train")
    return torch.stack([dataset[i][0] for i in range(4)])


def decode_whole_and_transform(path: str, transforms: TransformList) -> Tensor:
    """The same draws of the same transforms of the whole image."""
    image, drawn = decode_image(path, 3), []
    for seed in SampleRandomness(0, range(4)).seeds():
        with torch_seeded(seed):
            drawn.append(v2.Compose(transforms)(image))
    return torch.stack(drawn)


@pytest.fixture
def photograph(tmp_path: Path) -> Callable[..., str]:
    """Write a picture of smooth hills and sharp edges, none of its sizes a multiple of 8."""

    def make(name: str, size: tuple[int, int], **kwargs: object) -> str:
        x, y = np.meshgrid(np.linspace(0, 9, size[0]), np.linspace(0, 7, size[1]))
        red, green = np.sin(x * y) * 60 + 128, np.cos(3 * x + y) * 60 + 128
        blue = (np.floor(x) + np.floor(y)) % 2 * 160 + 40
        Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8)).save(tmp_path / name, **kwargs)
        return str(tmp_path / name)

    return make


@pytest.mark.parametrize("transforms", [[CROP], [RESIZE], [RESIZE, v2.CenterCrop(99)], [v2.RandomCrop(9)]])
@pytest.mark.parametrize("name", ["small.jpg", "small.png", "small.webp"])
def test_small_images_are_those_of_the_transforms_exactly(photograph, name, transforms):
    path = photograph(name, (149, 131))
    assert torch.equal(read_all(path, transforms), decode_whole_and_transform(path, transforms))


@pytest.mark.parametrize("crop", [CROP, WIDE_CROP, v2.Resize((50, 60)), v2.Resize(64, max_size=65)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_large_photographs_show_the_same_window(photograph, crop, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = photograph("large.jpg", (763, 547), exif=exif, quality=95)
    transforms = [crop, v2.RandomHorizontalFlip()]
    ours, whole = read_all(path, transforms).float(), decode_whole_and_transform(path, transforms).float()
    # A window that is off by half a pixel of the output differs by 5 and more.
    assert (ours - whole).abs().mean(dim=(1, 2, 3)).max() < 1.5


def test_large_photographs_are_decoded_at_an_eighth(photograph, monkeypatch):
    sizes = []
    resize = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda image, *args: sizes.append(image.size) or resize(image, *args))
    read_all(photograph("large.jpg", (1600, 1200)), [v2.Resize(150)])
    assert set(sizes) == {(200, 150)}


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomResizedCrop(32, interpolation=v2.InterpolationMode.NEAREST),
        v2.Resize(32, antialias=False),
        v2.RandomHorizontalFlip(),
    ],
)
def test_other_transforms_see_the_whole_image(photograph, transform):
    path = photograph("image.jpg", (300, 200))
    assert torch.equal(read_all(path, [transform]), decode_whole_and_transform(path, [transform]))


def test_first_transform_that_fails_is_named(make_image):
    transforms = compose([v2.Resize(30, max_size=20)])
    dataset = ImageFilesDataset([make_image("a.jpg")], torch.zeros(1), transforms, 3, "val")
    with pytest.raises(
        UserError, match=r"data\.eval_transform fails on .*a\.jpg, 10x12 \(height, width\): max_size = 20"
    ):
        dataset[0]


def test_data_set_can_be_sent_to_a_worker_process(make_image):
    dataset = ImageFilesDataset([make_image("a.jpg")], torch.zeros(1), compose([CROP]), 3, "train")
    assert pickle.loads(pickle.dumps(dataset))[0][0].shape == (3, 96, 96)


def test_images_of_one_pixel_can_be_cropped(make_image):
    assert read_all(make_image("dot.jpg", size=(1, 1)), [CROP]).shape == (4, 3, 96, 96)


def test_batch_holds_images_targets_and_paths_in_one_order(make_image):
    paths = [make_image(f"{i}.png", mode="L", color=i) for i in range(5)]
    dataset = ImageFilesDataset(paths, torch.arange(5) * 10, None, 1, "val")
    images, targets = dataset.__getitems__([4, 0, 2])
    assert images[:, 0, 0, 0].tolist() == [4, 0, 2]
    assert targets.tolist() == [40, 0, 20]
    assert dataset.paths == paths


def test_kinds_that_differ_within_a_batch_are_refused(make_image):
    paths = [make_image(f"{i}.png", color=i) for i in range(2)]

    def float_if_dark(image: Tensor) -> Tensor:
        return image if image.any() else image.float()

    dataset = ImageFilesDataset(paths, torch.zeros(2), float_if_dark, 3, "train")
    with pytest.raises(UserError, match=r"one dtype, but after data\.train_transform .* torch.float32 and torch.uint8"):
        dataset.__getitems__([0, 1])


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_batch_is_laid_out_as_its_images_are(make_image, name):
    path = make_image(name, size=(40, 30))
    pixelwise = ImageFilesDataset([path], torch.zeros(1), None, 3, "val").__getitems__([0, 0])[0]
    planes = ImageFilesDataset([path], torch.zeros(1), lambda image: image.contiguous(), 3, "val").__getitems__([0])[0]
    assert pixelwise.permute(0, 2, 3, 1).is_contiguous()
    assert planes.is_contiguous()
    assert torch.equal(pixelwise[1], planes[0])
