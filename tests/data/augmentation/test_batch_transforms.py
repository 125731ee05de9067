"""Batch transforms give what the transforms they stand for give image by image."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from litclassify.data import ImageTensorDataset
from litclassify.data.augmentation.batch_transforms import (
    BatchAutoAugment,
    BatchCrop,
    BatchErasing,
    BatchFlip,
    BatchTranslation,
    Operation,
    VectorizedTransforms,
    vectorize,
)
from litclassify.errors import UserError
from litclassify.randomness import SampleRandomness

NUM_IMAGES = 64
DRAWS = list(range(1000, 1000 + NUM_IMAGES))


def randomness() -> SampleRandomness:
    return SampleRandomness(7, DRAWS)


def images(height: int = 9, width: int = 12) -> Tensor:
    return torch.randint(
        0, 256, (NUM_IMAGES, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def one_by_one(batch: Tensor, function: Callable[..., Tensor], *drawn: Tensor) -> Tensor:
    parameters = [values.tolist() for values in drawn]
    return torch.stack([function(image, *single) for image, *single in zip(batch, *parameters, strict=True)])


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize(
    ("size", "padding"), [((9, 12), 2), ((5, 8), None), ((6, 6), [3, 1]), ((11, 10), [1, 4, 2, 3]), ((24, 20), 8)]
)
def test_crop(mode: str, size: tuple[int, int], padding: int | list[int] | None) -> None:
    transform = BatchCrop(v2.RandomCrop(size, padding=padding, padding_mode=mode))
    top, left = transform.offsets((9, 12), randomness())

    def crop(image: Tensor, top: int, left: int) -> Tensor:
        padded = functional.pad(image, padding, padding_mode=mode) if padding else image
        return functional.crop(padded, top, left, *size)

    result = VectorizedTransforms([transform])(images(), randomness())
    assert torch.equal(result, one_by_one(images(), crop, top, left))
    assert len(set(zip(top.tolist(), left.tolist(), strict=True))) > 5


@pytest.mark.parametrize(
    ("flip", "function"),
    [(v2.RandomHorizontalFlip(0.3), functional.horizontal_flip), (v2.RandomVerticalFlip(), functional.vertical_flip)],
)
def test_flip(flip: v2.Transform, function: Callable[[Tensor], Tensor]) -> None:
    transform = BatchFlip(flip)
    chosen = transform.chosen(randomness())
    expected = one_by_one(images(), lambda image, flipped: function(image) if flipped else image, chosen)
    assert torch.equal(VectorizedTransforms([transform])(images(), randomness()), expected)
    assert 0 < chosen.sum() < NUM_IMAGES


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "augment",
    [v2.TrivialAugmentWide(fill=7), v2.RandAugment(3, magnitude=20, interpolation=v2.InterpolationMode.BILINEAR)],
)
def test_auto_augment(augment: v2.Transform, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = images(20, 24)[:, :channels].repeat(8, 1, 1, 1)
    transform, stream = BatchAutoAugment(augment), SampleRandomness(7, range(len(batch)))
    drawn = [transform.operations((20, 24), stream) for _ in range(transform.num_operations)]
    result = VectorizedTransforms([transform])(batch, SampleRandomness(7, range(len(batch))))
    expected = torch.stack(
        [with_draws(augment, image, draws, monkeypatch) for image, *draws in zip(batch, *drawn, strict=True)]
    )
    assert torch.equal(result, expected)
    assert {name for name, _ in drawn[0]} == set(augment._AUGMENTATION_SPACE)


def with_draws(augment: v2.Transform, image: Tensor, drawn: list[Operation], patch: pytest.MonkeyPatch) -> Tensor:
    """Let the transform itself draw these operations from torch's generator."""
    space = augment._AUGMENTATION_SPACE
    integers, signs = [], []
    for name, magnitude in drawn:
        magnitudes, signed = space[name]
        integers.append(list(space).index(name))
        range_ = magnitudes(augment.num_magnitude_bins, *image.shape[-2:])
        if range_ is not None and isinstance(augment, v2.TrivialAugmentWide):
            integers.append(int((range_ - abs(magnitude)).abs().argmin()))
        if range_ is not None and signed:
            signs.append(0.3 if str(magnitude).startswith("-") else 0.7)
    with patch.context() as context:
        context.setattr(torch, "randint", lambda *_: torch.tensor(integers.pop(0)))
        context.setattr(torch, "rand", lambda *_: torch.tensor(signs.pop(0)))
        return augment(image)


class Indices(TorchFunctionMode):
    """Note the types of what tensors are indexed with."""

    def __init__(self) -> None:
        super().__init__()
        self.types: set[type] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            self.types.add(type(args[1]))
        return func(*args, **(kwargs or {}))


def test_auto_augment_chooses_images_by_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is copied to the GPU on the way, which waits for it; so do some of torchvision's operations."""
    monkeypatch.setattr(v2.RandAugment, "_apply_image_or_video_transform", lambda self, images, *_: images)
    with Indices() as indices:
        VectorizedTransforms([BatchAutoAugment(v2.RandAugment())])(images(), randomness())
    assert Tensor in indices.types
    assert list not in indices.types


@pytest.mark.parametrize("augment", [v2.TrivialAugmentWide(), v2.RandAugment()])
def test_auto_augment_draws_evenly(augment: v2.Transform) -> None:
    operations = BatchAutoAugment(augment).operations((32, 32), SampleRandomness(0, range(14_000)))
    names = Counter(name for name, _ in operations)
    assert all(abs(count - 1000) < 150 for count in names.values())  # Five standard deviations.
    turned = torch.tensor([magnitude for name, magnitude in operations if name == "Rotate"])
    assert abs((turned < 0).float().mean() - 0.5) < 0.08
    assert len(turned.unique()) == (61 if isinstance(augment, v2.TrivialAugmentWide) else 2)


def test_translation() -> None:
    transform = BatchTranslation(v2.RandomAffine(0, translate=(0.25, 0.5)))
    down, right = transform.shifts((9, 12), randomness())

    def translate(image: Tensor, down: int, right: int) -> Tensor:
        return functional.affine(image, angle=0, translate=[right, down], scale=1, shear=[0, 0])

    result = VectorizedTransforms([transform])(images(), randomness())
    assert torch.equal(result, one_by_one(images(), translate, down, right))
    assert (down.min(), down.max(), right.min(), right.max()) == (-4, 4, -3, 3)


@pytest.mark.parametrize("value", [0, [1, 2, 3]])
def test_erasing(value: int | list[int]) -> None:
    transform = BatchErasing(v2.RandomErasing(p=0.7, value=value))
    rectangles = transform.rectangles((9, 12), randomness())

    def erase(image: Tensor, rectangle: list[int]) -> Tensor:
        return functional.erase(image, *rectangle, v=torch.tensor(value).view(-1, 1, 1)) if rectangle[2] else image

    result = VectorizedTransforms([transform])(images(), randomness())
    assert torch.equal(result, one_by_one(images(), erase, rectangles))
    area = (rectangles[:, 2] * rectangles[:, 3])[rectangles[:, 2] > 0] / (9 * 12)
    assert area.min() > 0.02
    assert area.max() < 0.4


def test_a_list_is_applied_in_order() -> None:
    crop, flip = v2.RandomCrop((9, 12), padding=3), v2.RandomHorizontalFlip()
    moved, erasing = v2.RandomAffine(0, translate=(0.2, 0.2)), v2.RandomErasing(1.0)
    both = vectorize(v2.Compose([crop, flip, moved, flip, v2.Resize((6, 8)), erasing, v2.Pad(1)]))
    assert both is not None
    stream = randomness()
    expected = images()
    for transform in (BatchCrop(crop), BatchFlip(flip), BatchTranslation(moved), BatchFlip(flip)):
        expected = VectorizedTransforms([transform])(expected, stream)
    expected = torch.stack([functional.resize(image, [6, 8]) for image in expected])
    expected = functional.pad(VectorizedTransforms([BatchErasing(erasing)])(expected, stream), [1])
    assert torch.equal(both(images(), randomness()), expected)


@pytest.mark.parametrize(
    "transform",
    [v2.Resize((5, 7)), v2.CenterCrop(6), v2.Pad(2), v2.Grayscale(3), v2.ToDtype(torch.float32, scale=True)],
    ids=lambda transform: type(transform).__name__,
)
def test_transforms_without_draws(transform: v2.Transform) -> None:
    batched = vectorize(v2.Compose([transform]))
    assert batched is not None
    assert torch.equal(batched(images(), randomness()), one_by_one(images(), transform))


class OwnFlip(v2.RandomHorizontalFlip):
    """A subclass may do anything."""


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomCrop(8, pad_if_needed=True),
        v2.RandomCrop(8, padding=1, fill=3),
        v2.RandomErasing(value="random"),
        v2.RandomAffine(10, translate=(0.1, 0.1)),
        v2.ColorJitter(0.5),
        OwnFlip(),
        torch.nn.Identity(),
    ],
)
def test_other_transforms_are_left_to_themselves(transform: Callable[[Tensor], Tensor]) -> None:
    assert vectorize(v2.Compose([v2.RandomHorizontalFlip(), transform])) is None


@pytest.mark.parametrize("chance", [v2.RandomApply, v2.RandomChoice, v2.RandomOrder])
def test_parts_that_chance_chooses_are_no_list_to_apply(chance: type[v2.Transform]) -> None:
    transform = chance([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()])
    assert vectorize(transform) is None
    assert vectorize(v2.Compose([transform])) is None


def loader(transform: list[v2.Transform], draws: range, workers: int = 0, batch_size: int = 16) -> Tensor:
    batch = images()
    dataset = ImageTensorDataset(batch, torch.arange(len(batch)), v2.Compose(transform), "train")
    dataset.seed = 3
    batches = DataLoader(dataset, batch_size, sampler=draws, num_workers=workers, collate_fn=lambda batch: batch)
    return torch.cat([images for images, _ in batches])


CROP_FLIP = [v2.RandomCrop((9, 12), padding=2), v2.RandomHorizontalFlip()]
ONE_BY_ONE = [v2.RandomRotation(30), v2.ColorJitter(0.5)]


@pytest.mark.parametrize("transform", [CROP_FLIP, ONE_BY_ONE], ids=["batch", "one by one"])
def test_what_is_drawn_depends_on_seed_epoch_and_sample_alone(transform: list[v2.Transform]) -> None:
    first = loader(transform, range(NUM_IMAGES))
    torch.rand(17)
    assert torch.equal(loader(transform, range(NUM_IMAGES), batch_size=7), first)
    assert torch.equal(loader(transform, range(NUM_IMAGES), workers=2), first)
    assert torch.equal(loader(transform, range(40, NUM_IMAGES)), first[40:])
    next_epoch = loader(transform, range(NUM_IMAGES, 2 * NUM_IMAGES))
    assert not torch.equal(next_epoch, first)


def test_drawing_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ImageTensorDataset(images(), torch.arange(NUM_IMAGES), v2.Compose(ONE_BY_ONE), "train").__getitems__(DRAWS)
    assert torch.equal(torch.rand(3), expected)


def test_every_offset_is_as_likely() -> None:
    stream = SampleRandomness(0, range(9000))
    counts = Counter(stream.integers(-1, 2).tolist())
    assert set(counts) == {-1, 0, 1}
    assert all(abs(count - 3000) < 5 * 45 for count in counts.values())  # Five standard deviations.
    again = Counter(stream.integers(-1, 2).tolist())
    assert again != counts


def test_streams_of_neighbours_are_unrelated() -> None:
    for seed in (0, 1):
        numbers = torch.stack(
            [SampleRandomness(seed, range(4000)).uniform(), SampleRandomness(seed + 1, range(4000)).uniform()]
        )
        shifted = torch.stack([numbers[0, :-1], numbers[0, 1:]])
        assert abs(torch.corrcoef(numbers)[0, 1]) < 5 / 4000**0.5
        assert abs(torch.corrcoef(shifted)[0, 1]) < 5 / 4000**0.5
        assert abs(numbers.mean() - 0.5) < 5 * 12**-0.5 / 8000**0.5


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (v2.RandomCrop(20), "data.train_transform fails on train/.*crop size"),
        (v2.RandomCrop(9, padding=9, padding_mode="reflect"), "data.train_transform fails on train/.*[Pp]adding"),
        (v2.RandomCrop(9, padding=10, padding_mode="symmetric"), "data.train_transform fails on train/.*[Pp]adding"),
        (v2.RandAugment(magnitude=40), "data.train_transform fails on train/.*index 40"),
        (v2.Pad(50, padding_mode="reflect"), "data.train_transform fails on train/"),
    ],
)
def test_what_a_transform_refuses_is_the_users_mistake(transform: v2.Transform, message: str) -> None:
    with pytest.raises(UserError, match=message):
        loader([transform], range(NUM_IMAGES))


@pytest.mark.gpu
def test_batches_made_on_the_device_are_the_same() -> None:
    batch = images()
    dataset = ImageTensorDataset(batch, torch.arange(len(batch)), v2.Compose([*CROP_FLIP, v2.RandomErasing()]), "train")
    expected, targets = dataset.__getitems__(DRAWS)
    dataset.to(torch.device("cuda", 0))
    on_device, device_targets = dataset.__getitems__(DRAWS)
    assert on_device.is_cuda
    assert torch.equal(on_device.cpu(), expected)
    assert torch.equal(device_targets.cpu(), targets)
