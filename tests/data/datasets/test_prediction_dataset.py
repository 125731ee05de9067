import itertools
import random
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from litclassify.data import Digits, ImageFolder
from litclassify.data.decoding.decode import UnreadableImageError, decode_image
from litclassify.data.samplers import InOrderSampler
from litclassify.errors import UserError


@pytest.fixture
def photos(make_image) -> str:
    for name, color in (("a.png", "red"), ("b.png", "lime"), ("c.png", "blue")):
        make_image(f"photos/{name}", size=(9, 9), color=color)
    return "photos"


def batches(path: str, **kwargs) -> list:
    data = ImageFolder("nowhere", path=path, image_size=8, batch_size=2, num_workers=0, **kwargs)
    data.setup("predict")
    return list(data.predict_dataloader())


def test_a_batch_of_whole_images_is_as_ever(photos):
    assert [len(batch) for batch in batches(photos)] == [2, 2]


def test_a_damaged_image_is_black_beside_its_reason_and_the_others_are_as_without_it(photos):
    (first, _), _ = batches(photos)
    Path(photos, "b.png").write_bytes(b"")
    (images, targets, reasons), second = batches(photos)
    assert reasons == ["", "The file is empty."]
    assert torch.equal(images[0], first[0])
    assert not images[1].any()
    assert images.stride() == first.stride()
    assert targets.tolist() == [-1, -1]
    assert len(second) == 2


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_black_is_of_the_kind_of_the_others(photos, dtype):
    Path(photos, "b.png").write_bytes(b"")
    (images, *_), _ = batches(photos, eval_transform=[v2.Resize((5, 7)), v2.ToDtype(dtype, scale=True)])
    assert (images.dtype, images.shape) == (dtype, (2, 3, 5, 7))


def test_a_batch_without_a_single_image_that_can_be_read_has_the_usual_size(photos):
    for name in ("a.png", "b.png", "c.png"):
        Path(photos, name).write_bytes(b"no image")
    assert [batch[0].shape for batch in batches(photos)] == [(2, 3, 8, 8), (1, 3, 8, 8)]


def test_a_transform_that_fails_is_still_a_mistake(photos):
    with pytest.raises(UserError, match="data.eval_transform"):
        batches(photos, eval_transform=[v2.Resize((8, 8)), v2.Grayscale(), v2.Normalize([0.5], [0.5])])


def test_batches_that_are_predicted_already_are_left_out(photos):
    data = ImageFolder("nowhere", path=photos, image_size=8, batch_size=2, num_workers=0)
    data.predicted_batches = 1
    ((images, _),) = data.predict_dataloader()
    assert torch.equal(images, batches(photos)[1][0])


@pytest.mark.parametrize(("size", "world_size", "skipped"), [(7, 1, 0), (7, 2, 2), (7, 3, 1), (2, 2, 0)])
def test_processes_have_each_image_once(size, world_size, skipped):
    shares = [list(InOrderSampler(range(size), world_size, rank, skipped)) for rank in range(world_size)]
    columns = itertools.chain(*itertools.zip_longest(*shares))
    assert [index for index in columns if index is not None] == list(range(size))[skipped * world_size :]


def test_a_process_without_a_share_takes_part():
    sampler = InOrderSampler(range(1), 2, 1)
    assert list(sampler) == [0]
    assert len(sampler) == 1


@pytest.mark.parametrize("image_size", [8, 72])
@pytest.mark.parametrize(
    "cache", [{"cache": "auto"}, {"cache": "ram", "cache_size": 11}, {"cache": "disk"}, {"cache": None}]
)
def test_the_test_set_is_predicted_as_it_is_tested(make_folder, cache, image_size):
    root = make_folder({"cat": 20, "dog": 20})
    for i in range(20):
        Image.effect_noise((170, 140), 90).save(Path(root, "cat", f"large{i}.png"))
    data = ImageFolder(root, image_size=image_size, test_split=0.5, num_workers=0, **cache)
    others = data.files_dataloader(data.samples["test"].paths)
    for tested, predicted, other in zip(data.test_dataloader(), data.predict_dataloader(), others, strict=True):
        assert torch.equal(tested[0], predicted[0])
        assert torch.equal(tested[0], other[0])


def test_digits_are_predicted_with_their_targets():
    assert len(Digits().predict_dataloader().dataset.targets.unique()) == 10


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "ppm", "gif"])
def test_whatever_damage_is_an_image_or_an_error_of_ours(suffix, tmp_path, recwarn):
    path, rng = tmp_path / f"x.{suffix}", random.Random(0)
    Image.effect_noise((24, 16), 90).convert("RGB").save(path)
    whole, readable = path.read_bytes(), 0
    for _ in range(150):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.choice([0, 1, 5, 20])):
            if damaged:
                damaged[rng.randrange(min(len(damaged), 200))] = rng.randrange(256)
        path.write_bytes(damaged)
        with suppress(UnreadableImageError):
            readable += decode_image(str(path), 3).shape[0] == 3
    assert 0 < readable < 150
    recwarn.clear()
