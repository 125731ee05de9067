import errno
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from litclassify.data import ImageFolder, ImageTensorDataset
from litclassify.data.datasets import image_cache
from litclassify.data.datasets.image_cache import Shrink, cache_in_memory, cache_on_disk
from litclassify.data.decoding.decode import decode_image
from litclassify.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """12 images of noise in two classes, larger and smaller than 20 pixels."""
    rng = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "root" / ("ant" if i % 2 else "bee")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (12 + 3 * i, 60 - 2 * i, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return tmp_path / "root"


@pytest.fixture
def paths(root: Path) -> list[str]:
    return sorted(str(path) for path in root.glob("*/*.png"))


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that caches were written to."""
    written: list[str] = []
    write = image_cache._write
    monkeypatch.setattr(image_cache, "_write", lambda file, *args: written.append(file) or write(file, *args))
    return written


def disk(root: Path, paths: list[str], **kwargs):
    return cache_on_disk(str(root), paths, **{"num_channels": 3, "size": 20, "folder": "cache"} | kwargs)


def expected(path: str) -> torch.Tensor:
    image = decode_image(path, 3)
    return v2.Resize(20)(image) if min(image.shape[1:]) > 20 else image


def test_images_are_shrunk_and_never_enlarged(root, paths):
    for images in (cache_in_memory(paths, 3, 20), disk(root, paths)):
        assert all(torch.equal(images[path], expected(path)) for path in paths)


@pytest.mark.parametrize(("size", "kept"), [((40, 80), (20, 40)), ((20, 99), (20, 99)), ((1, 1), (1, 1))])
def test_shorter_side_decides(size, kept):
    assert Shrink(20)(*size).size == kept


@pytest.mark.parametrize(
    ("image", "kept"), [((40, 160), (20, 80)), ((40, 80), (40, 80)), ((160, 100), (128, 80)), ((19, 99), (19, 99))]
)
def test_images_cover_what_is_not_square(image, kept):
    assert Shrink((20, 80))(*image).size == kept


def test_images_that_are_not_square_are_the_same_from_a_cache(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            pixels = np.random.default_rng(i).integers(256, size=(120, 480 if name == "a" else 160, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    arguments = {"image_size": (20, 80), "val_split": 2, "test_split": 2, "num_workers": 0}
    (plain, cached) = (ImageFolder(str(tmp_path), cache=cache, **arguments)._dataset("val") for cache in (None, "disk"))
    assert (tmp_path / ".litclassify_cache/rgb_23x91.images").is_file()
    assert torch.equal(*(dataset.__getitems__([0, 1])[0] for dataset in (plain, cached)))


def test_second_start_uses_the_file(root, paths, writes):
    for _ in range(2):
        assert torch.equal(disk(root, paths)[paths[0]], expected(paths[0]))
    assert len(writes) == 1


def change(path: str) -> None:
    Image.new("RGB", (30, 30), "red").save(path)


def touch(path: str) -> None:
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("alter", [change, touch, os.unlink, lambda path: os.rename(path, path + ".png")])
def test_file_is_written_anew_when_an_image_changes(root, paths, writes, alter):
    disk(root, paths)
    alter(paths[3])
    now = sorted(str(path) for path in root.glob("*/*.png"))
    images = disk(root, now)
    assert len(writes) == 2
    assert all(torch.equal(images[path], expected(path)) for path in now)


def test_other_settings_have_files_of_their_own(root, paths, writes):
    for _ in range(2):
        for kwargs in ({}, {"size": 21}, {"num_channels": 1}):
            disk(root, paths, **kwargs)
    assert len(writes) == 3
    assert len(set(writes)) == 3


def test_copy_of_the_folder_uses_the_same_file(root, paths, writes):
    disk(root, paths)
    shutil.copytree(root, "copy")
    copied = [path.replace(str(root), "copy") for path in paths]
    images = disk(Path("copy"), copied)
    assert len(writes) == 1
    assert torch.equal(images[copied[5]], expected(paths[5]))


def test_damaged_file_is_written_anew(root, paths, writes):
    disk(root, paths)
    file = Path(writes[0])
    file.write_bytes(file.read_bytes()[:-1])
    assert torch.equal(disk(root, paths)[paths[-1]], expected(paths[-1]))
    assert len(writes) == 2


def test_nothing_is_left_of_a_cache_that_fails(root, paths):
    Path(paths[7]).write_bytes(b"no image")
    with pytest.raises(UserError, match=r"Cannot read '.*\.png' as an image"):
        disk(root, paths)
    assert not list(Path("cache").glob("*.part")) + list(Path("cache").glob("*.images"))


def test_full_disk_is_said(root, paths, monkeypatch):
    def fail(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=r"data\.cache: cannot write to 'cache': No space left on device\. Set data\."):
        disk(root, paths)
    assert not list(Path("cache").glob("*.part"))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_folder_that_cannot_be_written_to_is_named(root, paths, monkeypatch, code):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(UserError, match=r"data\.cache: cannot write to 'cache': .*\. Set data\.cache_dir to a folder"):
        disk(root, paths)


def test_file_in_the_place_of_the_folder_is_named(root, paths):
    Path("cache").touch()
    with pytest.raises(UserError, match=r"data\.cache: cannot write to 'cache'"):
        disk(root, paths)


def test_complete_cache_is_read_where_nothing_can_be_written(root, paths, monkeypatch):
    disk(root, paths)
    monkeypatch.setattr(os, "makedirs", None)
    monkeypatch.setattr(image_cache, "exclusive", None)
    assert torch.equal(disk(root, paths)[paths[0]], expected(paths[0]))


def write_at_once(root: str, paths: list[str], barrier, written) -> None:
    write = image_cache._write

    def count(*args) -> None:
        with written.get_lock():
            written.value += 1
        write(*args)

    image_cache._write = count
    barrier.wait()
    images = disk(Path(root), paths)
    assert all(torch.equal(images[path], expected(path)) for path in paths)


def test_of_processes_that_start_at_once_one_writes(root, paths):
    fork = multiprocessing.get_context("fork")
    barrier, written = fork.Barrier(3), fork.Value("i", 0)
    processes = [fork.Process(target=write_at_once, args=(str(root), paths, barrier, written)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert written.value == 1


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_evaluation_sees_the_same_images_with_and_without_a_cache(root, cache):
    kwargs = {"image_size": 70, "val_split": 4, "test_split": 4, "num_workers": 0}
    cached = ImageFolder(str(root), cache=cache, **kwargs)
    plain = ImageFolder(str(root), cache=None, **kwargs)
    for ours, theirs in zip(cached.val_dataloader(), plain.val_dataloader(), strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])
    assert (root / ".litclassify_cache").is_dir() == (cache == "disk")


def test_all_splits_and_seeds_share_one_file(root, writes):
    for seed in (0, 1):
        data = ImageFolder(str(root), cache="disk", val_split=4, test_split=4, num_workers=0, seed=seed)
        data.setup("fit")
        data.setup("test")
    assert len(writes) == 1


def test_training_draws_other_crops_of_the_cached_images(root):
    data = ImageFolder(str(root), cache="ram", cache_size=30, image_size=80, val_split=4, test_split=4, num_workers=0)
    dataset = data._dataset("train")
    assert min(dataset.read(0).shape[1:]) <= 30
    first, second = dataset[0][0], dataset[len(dataset)][0]
    assert first.shape == (3, 80, 80)
    assert not torch.equal(first, second)


def test_cached_images_reach_workers(root):
    data = ImageFolder(str(root), cache="disk", val_split=4, test_split=4, num_workers=1, batch_size=2)
    assert sum(len(targets) for _, targets in data.train_dataloader()) == 4


def test_cache_size_of_nothing_is_refused():
    with pytest.raises(UserError, match=r"data\.cache_size must be at least 1, got 0"):
        ImageFolder("x", cache_size=0)


def test_images_of_one_size_in_memory_are_batches_of_one_tensor(class_folders: Path) -> None:
    def data(cache: str | None) -> ImageFolder:
        return ImageFolder(str(class_folders), image_size=16, cache=cache, batch_size=5)

    dataset, plain = (data(cache)._dataset("test") for cache in ("ram", None))
    assert isinstance(dataset, ImageTensorDataset)
    assert list(dataset.paths) == list(plain.paths)
    (images, targets), (expected, expected_targets) = (d.__getitems__(list(range(len(d)))) for d in (dataset, plain))
    assert torch.equal(images, expected)
    assert torch.equal(targets, expected_targets)
    assert data("ram")._dataset("train").vectorized is not None


def save_noise(folder: Path, sizes: list[tuple[int, int]]) -> list[str]:
    folder.mkdir()
    for i, size in enumerate(sizes):
        Image.new("RGB", size).save(folder / f"{i:03}.png")
    return sorted(map(str, folder.iterdir()))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([(20, 90)] * 3, True), ([(20, 90), (20, 20), (30, 21)], False), ([(20, 20)] * 150, True)],
)
def test_images_that_need_no_resize_are_small(tmp_path, sizes, expected):
    assert image_cache.is_small(save_noise(tmp_path / "images", sizes), 3, 20) == expected


def test_many_images_are_not_small(tmp_path, monkeypatch):
    paths = save_noise(tmp_path / "images", [(20, 20)] * 4)
    monkeypatch.setattr(image_cache, "MAX_SMALL_BYTES", 4 * 20 * 20 * 3)
    assert image_cache.is_small(paths, 3, 20)
    assert not image_cache.is_small([*paths, paths[0]], 3, 20)


def test_damaged_image_is_left_to_be_read(tmp_path):
    paths = save_noise(tmp_path / "images", [(20, 20)])
    Path(paths[0]).write_bytes(b"no image")
    assert not image_cache.is_small(paths, 3, 20)


def test_small_images_are_held_in_memory_by_default(class_folders: Path) -> None:
    assert isinstance(ImageFolder(str(class_folders), image_size=16)._dataset("train"), ImageTensorDataset)
    assert not isinstance(ImageFolder(str(class_folders), image_size=8)._dataset("train"), ImageTensorDataset)


def test_a_size_for_a_cache_that_auto_does_not_make_is_said(class_folders: Path) -> None:
    data = ImageFolder(str(class_folders), cache_size=15)
    with pytest.warns(UserWarning, match=r"data\.cache_size=15 has no effect: .* Set data\.cache to ram or disk"):
        data.setup("fit")
    assert isinstance(ImageFolder(str(class_folders), cache_size=16)._dataset("train"), ImageTensorDataset)


@pytest.mark.parametrize(
    ("kwargs", "key"),
    [({"cache": None, "cache_size": 9}, "cache_size=9"), ({"cache": "ram", "cache_dir": "x"}, "cache_dir='x'")],
)
def test_setting_without_effect_is_said(kwargs, key):
    with pytest.warns(UserWarning, match=rf"data\.{key} has no effect"):
        ImageFolder("x", **kwargs)
