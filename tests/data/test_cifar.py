import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets.utils import download_url
from torchvision.transforms import v2

from litclassify.data import CIFAR10, CIFAR100, cifar
from litclassify.data.cifar import count_records, extract_files
from litclassify.data.downloaded import LOCK
from litclassify.errors import UserError

PER_FILE = 20


def records(data_class: type[CIFAR10], seed: int) -> np.ndarray:
    """Random images, whose first pixel repeats the target."""
    rows = np.random.default_rng(seed).integers(0, 256, (PER_FILE, data_class.label_bytes + 3072), dtype=np.uint8)
    rows[:, data_class.label_bytes - 1] = np.arange(PER_FILE) % 10
    rows[:, data_class.label_bytes] = rows[:, data_class.label_bytes - 1]
    return rows


def write_archive(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    handler = partial(QuietHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture(params=[CIFAR10, CIFAR100])
def tiny(request: pytest.FixtureRequest, tmp_path: Path, server: str) -> type[CIFAR10]:
    """The data module, downloading a tiny archive from the loopback server."""
    base = request.param
    archive = tmp_path / "served" / "tiny.tar.gz"
    names = base.train_files + base.test_files
    files = {f"{base.folder}/{name}": records(base, seed).tobytes() for seed, name in enumerate(names)}
    write_archive(archive, files | {"../outside.bin": b"x", f"{base.folder}/more.bin": b"x"})
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    return type(base.__name__, (base,), {"url": f"{server}/tiny.tar.gz", "md5": md5})


def test_archive_is_downloaded_once_and_read(tiny, tmp_path: Path):
    root = tmp_path / "data" / "root"
    data = tiny(root=str(root), val_split=5)
    data.prepare_data()
    (tmp_path / "served" / "tiny.tar.gz").unlink()
    data.prepare_data()
    images, targets, _ = data._load("test")
    expected = records(tiny, len(tiny.train_files))[:, tiny.label_bytes :].reshape(-1, 3, 32, 32)
    assert np.array_equal(images.numpy(), expected)
    assert torch.equal(images[:, 0, 0, 0].long(), targets)
    assert len(data._dataset("train")) == PER_FILE * len(tiny.train_files) - 5


def test_test_images_are_counted_without_being_read(tiny, tmp_path: Path):
    data = tiny(root=str(tmp_path / "data"), val_split=2)
    data.prepare_data()
    data.setup("fit")
    counted = data.num_images("test")
    assert "_test_pool" not in vars(data)
    data.setup("test")
    assert counted == len(data._dataset("test")) > 0


def test_only_the_files_expected_are_extracted(tiny, tmp_path: Path):
    root = tmp_path / "data" / "root"
    tiny(root=str(root)).prepare_data()
    extracted = sorted(path.name for path in (root / tiny.folder).iterdir())
    assert extracted == sorted(tiny.train_files + tiny.test_files)
    assert not list(tmp_path.rglob("outside.bin"))


def test_file_that_was_deleted_is_extracted_again_without_a_download(tiny, tmp_path: Path):
    root = tmp_path / "data"
    tiny(root=str(root)).prepare_data()
    (tmp_path / "served" / "tiny.tar.gz").unlink()
    (root / tiny.folder / tiny.test_files[0]).unlink()
    tiny(root=str(root)).prepare_data()
    assert (root / tiny.folder / tiny.test_files[0]).is_file()


def test_of_several_processes_one_downloads(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each thread stands for a process: locks of files hold between them, too."""
    downloads = []

    def slow_download(*args: str, **settings: str) -> None:
        downloads.append(args)
        time.sleep(0.1)
        download_url(*args, **settings)

    monkeypatch.setattr(cifar, "download_url", slow_download)
    with ThreadPoolExecutor() as pool:
        modules = [tiny(root=str(tmp_path / "data"), val_split=5) for _ in range(3)]
        counts = list(pool.map(lambda data: data.class_counts, modules))
    assert len(downloads) == 1
    assert counts == [counts[0]] * 3
    assert sum(counts[0]) == PER_FILE * len(tiny.train_files) - 5


def test_files_in_a_folder_that_cannot_be_written_to_will_do(tiny, tmp_path: Path):
    root = tmp_path / "data"
    tiny(root=str(root)).prepare_data()
    (root / LOCK).unlink()
    (root / LOCK).mkdir()  # Opening it as a file fails, as root, too.
    tiny(root=str(root)).prepare_data()


def test_archive_with_the_wrong_checksum_is_refused(tiny, tmp_path: Path):
    tiny.md5 = "0" * 32
    with pytest.raises(UserError, match=r"(?s)could not be downloaded.*corrupted.*put tiny\.tar\.gz into"):
        tiny(root=str(tmp_path / "data")).prepare_data()


def test_missing_archive_says_where_to_put_it(tmp_path: Path, server):
    class Unreachable(CIFAR10):
        url = f"{server}/none.tar.gz"

    with pytest.raises(UserError, match=r"(?s)could not be downloaded.*404.*put none\.tar\.gz into"):
        Unreachable(root=str(tmp_path / "data")).prepare_data()


def test_link_in_place_of_a_file_is_refused(tmp_path: Path):
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        member = tarfile.TarInfo("folder/test.bin")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(UserError, match=r"holds no file 'folder/test\.bin'"):
        extract_files(str(tmp_path / "evil.tar"), "folder", ["test.bin"], str(tmp_path / "out"))


@pytest.mark.parametrize("size", [0, 3072, 3074])
def test_damaged_file_is_refused(tmp_path: Path, size):
    (tmp_path / "data.bin").write_bytes(bytes(size))
    with pytest.raises(UserError, match=rf"data\.bin' is damaged: {size} bytes"):
        count_records(str(tmp_path / "data.bin"), 1)


def test_classes_are_complete_and_alphabetical():
    assert (CIFAR10().num_classes, CIFAR100().num_classes) == (10, 100)
    for data in (CIFAR10(), CIFAR100()):
        assert data.class_names == sorted(set(data.class_names))


@pytest.mark.parametrize(("image_size", "padding"), [(32, 4), (64, 8)])
def test_default_augmentation_shifts_by_an_eighth_and_mirrors(image_size, padding):
    crop, flip = CIFAR10(image_size=image_size).transform_list("train")
    assert (crop.size, crop.padding, crop.padding_mode) == ((image_size,) * 2, [padding] * 4, "reflect")
    assert isinstance(flip, v2.RandomHorizontalFlip)
    assert CIFAR10().transform_list("test") == []
