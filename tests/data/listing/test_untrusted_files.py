"""Files of others are data: archives, tables, lists and caches run nothing, and leave nothing outside their folder."""

import gzip
import io
import os
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from litclassify.data import CIFAR10, MNIST, ImageTable
from litclassify.data.cifar import extract_files
from litclassify.data.datasets.image_cache import cache_on_disk
from litclassify.data.datasets.packed_images import PackedImagesFile
from litclassify.data.downloaded import LOCK
from litclassify.data.listing.exclusions import read_exclusions
from litclassify.data.listing.find_images import find_images
from litclassify.data.mnist import read_idx
from litclassify.errors import UserError

CANARY = "canary"


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(Path(CANARY).absolute()),)


PICKLED = pickle.dumps(Evil(), protocol=2)


@pytest.fixture(scope="module")
def of_other_tests(tmp_path_factory: pytest.TempPathFactory) -> set[Path]:
    """Files of that name that others have left."""
    return set(tmp_path_factory.getbasetemp().rglob(CANARY))


@pytest.fixture(autouse=True)
def _nothing_happens(tmp_path: Path, of_other_tests: set[Path]) -> Iterator[None]:
    (tmp_path / "inside").mkdir()
    yield
    assert not set(tmp_path.parent.rglob(CANARY)) - of_other_tests


# --- Archives ---


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, linkname, 3 if kind == tarfile.REGTYPE else 0
    return info


WANTED = "folder/wanted.bin"
MEMBERS = {
    "a path upwards": [member(f"../{CANARY}"), member(f"folder/../../{CANARY}")],
    "an absolute path": [member(f"/tmp/{CANARY}")],
    "a symbolic link": [member(WANTED, tarfile.SYMTYPE, "/etc/passwd")],
    "a symbolic link and a file through it": [member("folder", tarfile.SYMTYPE, ".."), member(f"folder/{CANARY}")],
    "a hard link": [member(WANTED, tarfile.LNKTYPE, "/etc/passwd")],
    "a device": [member(WANTED, tarfile.BLKTYPE)],
    "a terminal": [member(WANTED, tarfile.CHRTYPE)],
    "a pipe": [member(WANTED, tarfile.FIFOTYPE)],
    "a folder": [member(WANTED, tarfile.DIRTYPE)],
    "a path upwards to the file": [member(f"folder/../{WANTED}")],
    "nothing": [],
}


@pytest.mark.parametrize("name", MEMBERS)
def test_an_archive_writes_nothing_but_the_files_that_are_wanted(name: str) -> None:
    with tarfile.open("evil.tar", "w") as tar:
        for info in MEMBERS[name]:
            tar.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(UserError, match="holds no file 'folder/wanted.bin'"):
        extract_files("evil.tar", "folder", ["wanted.bin"], "inside")
    assert os.listdir("inside") == []


def test_an_archive_of_another_checksum_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb, for one; the download that follows fails, too."""
    archive = Path("inside", os.path.basename(CIFAR10.url))
    archive.write_bytes(gzip.compress(bytes(10_000_000)))
    monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:9/{archive.name}")
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("it is opened"))
    with pytest.raises(UserError, match="could not be downloaded"):
        CIFAR10(root="inside").prepare_data()
    assert {path.name for path in Path("inside").iterdir()} == {archive.name, LOCK}


# --- Files of MNIST ---


def idx_header(kind: int, *shape: int) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


IDX = {
    "a pickle": PICKLED,
    "more images than there is memory": idx_header(8, 2**31 - 1, 2**15, 2**15),
    "a size below zero": idx_header(8) + (1).to_bytes(4, "big") + b"\xff\xff\xff\xff",
    "255 dimensions": bytes([0, 0, 8, 255]) + bytes(255 * 4),
    "objects": idx_header(0x0F, 1) + b"x" * 8,
}


@pytest.mark.parametrize("name", IDX)
def test_an_evil_idx_file_is_refused(name: str) -> None:
    Path("evil").write_bytes(IDX[name])
    with pytest.raises(UserError, match="is damaged"):
        read_idx("evil")


def test_what_older_versions_of_torchvision_kept_is_not_unpickled() -> None:
    folder = Path("inside/MNIST/processed")
    folder.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save(Evil(), folder / name)
    with pytest.raises(UserError, match="run code when they are loaded. Delete it"):
        MNIST(root="inside").prepare_data()


# --- Tables and lists ---

MISSING = (
    *(f"$(mkdir {CANARY})", f"|mkdir {CANARY}", f"`mkdir {CANARY}`"),
    *(
        "http://127.0.0.1:9/x.png",
        "file:///etc/passwd",
        "~root/x.png",
        "\0",
        "-rf",
        "x" * 5000,
        "CON",
        "\\\\host\\share\\x",
    ),
)

PATHS = (*MISSING, "../../../../etc/passwd", "/etc/passwd", "/dev/zero")


def read_all(data: ImageTable) -> None:
    data.setup("fit")
    for split in ("train", "val", "test"):
        dataset = data._dataset(split)
        dataset.__getitems__(list(range(len(dataset))))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_a_table_is_a_file_or_a_mistake(path: str) -> None:
    Image.new("RGB", (4, 4)).save("good.png")
    rows = [f"good.png,{label}" for label in "ab"]
    Path("evil.csv").write_text("\n".join(["path,label", *rows, f'"{path}",a']))
    with pytest.raises(UserError):
        read_all(ImageTable(table="evil.csv", val_split=0.5, image_size=4))


@pytest.mark.parametrize("path", MISSING)
def test_a_path_of_a_list_is_a_file_or_a_mistake(path: str) -> None:
    Path("evil.txt").write_text(path)
    with pytest.raises(UserError, match="none of which exists"):
        find_images("evil.txt")
    with pytest.warns(UserWarning, match="where there is nothing"):
        assert len(read_exclusions("evil.txt", "inside")) == 1


def test_a_type_in_parquet_is_not_unpickled() -> None:
    """https://nvd.nist.gov/vuln/detail/CVE-2023-47248; pyproject.toml asks for a version in which it is mended."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet  # noqa: PLC0415

    extension = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": PICKLED}
    schema = pyarrow.schema([pyarrow.field("path", pyarrow.string(), metadata=extension), ("label", pyarrow.string())])
    parquet.write_table(pyarrow.table({"path": ["a.png", "b.png"], "label": ["a", "b"]}, schema), "evil.parquet")
    with pytest.raises(UserError):
        ImageTable(table="evil.parquet", val_split=0.5).setup("fit")


# --- Caches ---


def table(*rows: tuple[int, int, int]) -> bytes:
    return np.array(rows, dtype=np.int64).tobytes()


DIGEST = bytes(range(32))
CACHES: dict[str, Callable[[], bytes]] = {
    "a pickle": lambda: PICKLED * 9,
    "an array of objects": lambda: b"\x93NUMPY" + PICKLED * 9,
    "nothing": lambda: b"",
    "another digest": lambda: bytes(32) + table((56, 1, 1)) + bytes(3),
    "too short": lambda: DIGEST + table((56, 2, 2)) + bytes(3),
    "too long": lambda: DIGEST + table((56, 1, 1)) + bytes(9),
    "a size that runs over": lambda: DIGEST + table((56, 2**32, 2**32)) + bytes(3),
    "a size below zero": lambda: DIGEST + table((56, -1, 1)) + bytes(3),
}


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_that_is_not_ours_is_not_used(name: str) -> None:
    Path("evil.images").write_bytes(CACHES[name]())
    with pytest.raises(ValueError, match="evil.images"):
        PackedImagesFile("evil.images", DIGEST, ["a.png"], 3)


@pytest.mark.parametrize("offset", [-1, 57, 2**40, -(2**62)])
def test_a_place_outside_of_the_cache_reads_no_memory(offset: int) -> None:
    Path("evil.images").write_bytes(DIGEST + table((offset, 1, 1)) + bytes(3))
    with pytest.raises((ValueError, IndexError, RuntimeError)):
        PackedImagesFile("evil.images", DIGEST, ["a.png"], 3)["a.png"]


def test_a_cache_is_written_anew_in_the_place_of_a_pickle() -> None:
    Image.new("RGB", (4, 4), (1, 2, 3)).save("a.png")
    Path("inside/rgb_4.images").write_bytes(PICKLED)
    images = cache_on_disk(".", ["a.png"], 3, 4, "inside")
    assert images["a.png"].flatten(1).T.unique(dim=0).tolist() == [[1, 2, 3]]
