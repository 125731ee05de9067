import gzip
import os
import shutil
import struct
from pathlib import Path

import pytest
import torch
from torchvision import datasets
from torchvision.datasets import utils

from litclassify.data import MNIST, FashionMNIST
from litclassify.data.mnist import read_idx
from litclassify.errors import UserError

TEST_DATA = os.environ.get("TEST_IMAGES")


def write_idx(folder: Path, part: str, images: torch.Tensor, targets: torch.Tensor) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
    header = struct.pack(">4BI", 0, 0, 8, 1, len(targets))
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + targets.to(torch.uint8).numpy().tobytes())


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name in ("MNIST", "FashionMNIST"):
        for part, n in (("train", 60), ("t10k", 30)):
            images = torch.arange(n)[:, None, None].expand(n, 28, 28).to(torch.uint8).contiguous()
            write_idx(tmp_path / name / "raw", part, images, torch.arange(n) % 10)
    return str(tmp_path)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(utils, "_urlretrieve", refuse)
    monkeypatch.setattr(utils, "_get_redirect_url", refuse)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("data_class", [MNIST, FashionMNIST])
def test_idx_files_are_read_offline(root, data_class):
    data = data_class(root=root, val_split=20)
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    assert [len(data._dataset(split)) for split in ("train", "val", "test")] == [40, 20, 30]
    for split in ("train", "val", "test"):
        images, targets = data._dataset(split).__getitems__(list(range(len(data._dataset(split)))))
        assert images.shape[1:] == data.image_shape == (1, 28, 28)
        assert (images[:, 0, 0, 0] % 10 == targets).all()
        assert (images.dtype, targets.dtype) == (torch.uint8, torch.int64)


def test_root_may_be_in_the_home_folder(root, monkeypatch):
    monkeypatch.setenv("HOME", root)
    assert MNIST(root="~", val_split=20).class_counts == [4] * 10


def test_default_validation_set_is_5000_images():
    assert MNIST().val_split == 5000


def test_fashion_classes_have_their_names():
    assert FashionMNIST().class_names == datasets.FashionMNIST.classes


@pytest.mark.usefixtures("offline")
def test_failed_download_says_what_was_tried_and_where_to_put_files(tmp_path: Path):
    with pytest.raises(UserError) as error:
        MNIST(root=str(tmp_path)).prepare_data()
    assert "MNIST could not be downloaded" in str(error.value)
    assert "no network" in str(error.value)
    assert "put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, " in str(error.value)
    assert str(tmp_path / "MNIST" / "raw") in str(error.value)


def test_missing_files_are_a_user_error_in_setup(tmp_path: Path):
    with pytest.raises(UserError, match="FashionMNIST could not be read"):
        FashionMNIST(root=str(tmp_path)).setup("test")


@pytest.mark.skipif(TEST_DATA is None, reason="TEST_IMAGES is unset")
def test_real_test_images_have_the_published_mean_and_std(tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        with gzip.open(Path(TEST_DATA, "mnist-t10k", f"t10k-{kind}.gz")) as packed:
            (raw / f"t10k-{kind}").write_bytes(packed.read())
        shutil.copy(raw / f"t10k-{kind}", raw / f"train-{kind}")
    data = MNIST(root=str(tmp_path))
    images, targets, _ = data._load("test")
    assert images.shape == (10_000, 1, 28, 28)
    assert targets.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.mean == pytest.approx([images.float().mean().item() / 255], abs=0.005)
    assert data.std == pytest.approx([images.float().std().item() / 255], abs=0.005)


@pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"\0\0\x09\x01\0\0\0\x01a", b"\0\0\x08\x01\0\0\0\x02a"])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(UserError, match="labels' is damaged"):
        read_idx(str(tmp_path / "labels"))


def test_test_images_are_counted_without_being_read(root):
    data = MNIST(root=root, val_split=2)
    data.setup("fit")
    counted = data.num_images("test")
    assert "_test_pool" not in vars(data)
    data.setup("test")
    assert counted == len(data._dataset("test")) > 0


def test_training_and_validation_images_are_one_tensor(root):
    data = MNIST(root=root, val_split=20)
    assert data._dataset("train").images.data_ptr() == data._dataset("val").images.data_ptr()
