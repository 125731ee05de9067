"""Whatever changes in a checkpoint is found; files of others pass."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from litclassify.errors import UserError
from litclassify.files.safe_loading import load_safely
from litclassify.files.seals import COMMENT_BYTES, LAST_RECORD_BYTES, check_seal, seal

CONTENT = {"state_dict": {"weight": torch.arange(6.0)}, "epoch": 3}


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    file = tmp_path / "sealed.ckpt"
    with file.open("w+b") as output:
        torch.save(CONTENT, output)
        seal(output)
    return file


@contextmanager
def flipped(path: Path, place: int, bits: int) -> Iterator[None]:
    """Change bits of a byte, and change them back."""
    with path.open("r+b", buffering=0) as file:
        file.seek(place)
        (byte,) = file.read(1)
        for value in (byte ^ bits, byte):
            file.seek(place)
            file.write(bytes([value]))
            if value != byte:
                yield


def test_sealed_file_is_what_torch_and_zip_tools_read(sealed: Path) -> None:
    check_seal(sealed, "file")
    assert torch.equal(torch.load(sealed, weights_only=True)["state_dict"]["weight"], torch.arange(6.0))
    with zipfile.ZipFile(sealed) as archive:
        assert archive.testzip() is None
        assert len(archive.comment) == COMMENT_BYTES


def test_sealed_file_can_be_mapped(sealed: Path) -> None:
    loaded = load_safely(sealed, "file", mmap=True)
    assert torch.equal(loaded["state_dict"]["weight"], torch.arange(6.0))


def test_checksum_is_that_of_the_file_without_it(sealed: Path, tmp_path: Path) -> None:
    file = tmp_path / "file.ckpt"
    torch.save(CONTENT, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with file.open("r+b") as output:
        seal(output)
    assert file.read_bytes().endswith(f"litclassify sha256 {digest}".encode())


def test_every_flip_of_a_byte_is_found(sealed: Path) -> None:
    passed = []
    for i in range(sealed.stat().st_size):
        with flipped(sealed, i, 0xFF), suppress(UserError):
            check_seal(sealed, "file")
            load_safely(sealed, "file")  # What has no mark any more is not a zip file either.
            passed.append(i)
    assert passed == []


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_flips_of_a_bit_in_what_ends_the_file_are_found(sealed: Path, bit: int) -> None:
    size = sealed.stat().st_size
    for i in range(size - COMMENT_BYTES - LAST_RECORD_BYTES, size):
        with flipped(sealed, i, 1 << bit), pytest.raises(UserError, match="^file: "):
            load_safely(sealed, "file")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_file_is_refused(sealed: Path, share: float) -> None:
    content = sealed.read_bytes()
    sealed.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="^file: "):
        load_safely(sealed, "file")


@pytest.mark.parametrize("comment", [b"", b"made elsewhere", b"x" * COMMENT_BYTES * 2])
def test_zip_files_of_others_pass(tmp_path: Path, comment: bytes) -> None:
    file = tmp_path / "foreign.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("name", "content")
        archive.comment = comment
    check_seal(file, "file")


def test_files_without_a_checksum_load(tmp_path: Path) -> None:
    for name, zipped in (("old.ckpt", True), ("older.ckpt", False)):
        torch.save(CONTENT, tmp_path / name, _use_new_zipfile_serialization=zipped)
        assert load_safely(tmp_path / name, "file")["epoch"] == 3


@pytest.mark.parametrize("content", [b"", b"short", bytes(200)])
def test_files_of_another_kind_do_not_load(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.ckpt"
    file.write_bytes(content)
    check_seal(file, "file")
    with pytest.raises(UserError, match="^file: "):
        load_safely(file, "file")


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        check_seal(tmp_path / "missing.ckpt", "file")
