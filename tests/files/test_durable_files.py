"""A file has its name when it is complete and on the disk, and not before."""

import errno
import os
from pathlib import Path

import pytest

from litclassify.files.durable_files import link, replacing, sync


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_takes_the_place_of_an_older_one_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with replacing(file) as output:
        output.write(b"new")
        output.flush()
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), SystemExit()])
def test_failure_leaves_the_older_file(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def write() -> None:
        with replacing(file) as output:
            output.write(b"new")
            raise error

    with pytest.raises(type(error)):
        write()
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_content_is_on_the_disk_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, synced = tmp_path / "file", []

    def sync(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        synced.append(("folder" if inode == tmp_path.stat().st_ino else "file", file.exists()))

    monkeypatch.setattr(os, "fsync", sync)
    with replacing(file) as output:
        output.write(b"new")
    assert synced == [("file", False), ("folder", True)]


def test_what_a_kill_has_left_is_written_over_and_nothing_else(tmp_path: Path) -> None:
    """A kill in the middle of `link` leaves a second name of the source, which writing must not reach."""
    source = tmp_path / "source"
    source.write_bytes(b"sound")
    os.link(source, tmp_path / ".file.part")
    with replacing(tmp_path / "file") as output:
        output.write(b"new")
    assert source.read_bytes() == b"sound"
    assert names(tmp_path) == ["file", "source"]


def test_link_is_a_second_name_of_the_file(tmp_path: Path) -> None:
    source, file = tmp_path / "source", tmp_path / "file"
    source.write_bytes(b"new")
    file.write_bytes(b"old")
    link(source, file)
    assert file.samefile(source)
    link(source, file)
    assert names(tmp_path) == ["file", "source"]


def test_linked_file_stays_when_its_source_is_written_anew(tmp_path: Path) -> None:
    source, file = tmp_path / "source", tmp_path / "file"
    source.write_bytes(b"first")
    link(source, file)
    with replacing(source) as output:
        output.write(b"second")
    assert (file.read_bytes(), source.read_bytes()) == (b"first", b"second")


def test_where_there_are_no_hard_links_the_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    source, file = tmp_path / "source", tmp_path / "file"
    source.write_bytes(b"new" * 1_000_000)
    link(source, file)
    assert file.read_bytes() == source.read_bytes()
    assert not file.samefile(source)
    assert names(tmp_path) == ["file", "source"]


def test_link_over_what_a_kill_has_left(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / ".file.part").write_bytes(b"half")
    link(tmp_path / "source", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file", "source"]


def test_files_and_their_names_are_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_bytes(b"new")
    sync(files)
    assert synced == [path.stat().st_ino for path in (*files, tmp_path)]
