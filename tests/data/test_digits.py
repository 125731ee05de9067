import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits as sklearn_digits

from litclassify.data import Digits
from litclassify.data.digits import load_digits
from litclassify.errors import UserError


def images_of(data: Digits, split: str) -> set[bytes]:
    dataset = data._dataset(split)
    return {dataset[i][0].numpy().tobytes() for i in range(len(dataset))}


def test_pixels_keep_scikit_learns_values():
    images, targets = load_digits()
    reference = sklearn_digits()
    assert images.shape == (1797, 1, 8, 8)
    assert (images.dtype, targets.dtype) == (torch.uint8, torch.int64)
    assert np.abs(images[:, 0].numpy() / 255 - reference.images / 16).max() < 1 / 500
    assert (targets.numpy() == reference.target).all()


def test_published_mean_and_std_are_those_of_the_images():
    scaled = load_digits()[0].double() / 255
    assert Digits().mean == pytest.approx([scaled.mean().item()], abs=1e-3)
    assert Digits().std == pytest.approx([scaled.std().item()], abs=1e-3)


def test_default_splits_have_their_sizes_and_share_no_image():
    data = Digits()
    data.setup("fit")
    data.setup("test")
    assert [len(data._dataset(split)) for split in ("train", "val", "test")] == [1258, 180, 359]
    assert not images_of(data, "train") & images_of(data, "test")
    assert not images_of(data, "train") & images_of(data, "val")


def test_seed_chooses_the_split():
    assert images_of(Digits(seed=0), "test") == images_of(Digits(seed=0, val_split=5), "test")
    assert images_of(Digits(seed=0), "test") != images_of(Digits(seed=1), "test")


@pytest.mark.parametrize("key", ["val_split", "test_split"])
def test_too_large_a_split_is_refused(key):
    with pytest.raises(UserError, match=rf"data\.{key} .* got 5000"):
        Digits(**{key: 5000}).setup("fit")
