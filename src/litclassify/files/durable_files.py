"""Files that have their name when they are complete, and on the disk where that matters, and not before."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """Write a file anew: it takes the place of an older one when all is written, which a failure leaves as it was.

    Yields:
        The file, open for writing and reading.

    Raises:
        OSError: The folder cannot be written to, or is full.
    """
    with completing(file) as partial_file, partial_file.open("w+b") as output:
        yield output
        output.flush()
        os.fsync(output.fileno())
    _sync_folder(file.parent)


@contextmanager
def completing(file: Path) -> Iterator[Path]:
    """Write a file under another name: it gets its own when all is written, and a failure leaves neither.

    Nothing waits for the disk: for many files that can be had again.

    Yields:
        The other name, under which there is no file yet.

    Raises:
        OSError: The folder cannot be written to.
    """
    partial_file = _partial(file)
    partial_file.unlink(missing_ok=True)  # What a kill has left may be a second name of another file.
    try:
        yield partial_file
        partial_file.replace(file)
    except BaseException:
        partial_file.unlink(missing_ok=True)
        raise


def sync(files: Iterable[Path]) -> None:
    """Wait until what has been written to files, and their names, are on the disk.

    Raises:
        OSError: The disk fails, or is full.
    """
    files = list(files)
    for file in files:
        descriptor = os.open(file, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    for folder in {file.parent for file in files}:
        _sync_folder(folder)


def copy(source: Path, file: Path) -> None:
    """Copy a file, in place of what has that name.

    Raises:
        OSError: The folder cannot be written to, or is full.
    """
    with source.open("rb") as content, replacing(file) as output:
        shutil.copyfileobj(content, output)


def link(source: Path, file: Path) -> None:
    """Give a file a second name, in place of what has that name; where there are no hard links, copy it.

    Raises:
        OSError: The folder cannot be written to, or is full.
    """
    partial_file = _partial(file)
    partial_file.unlink(missing_ok=True)
    try:
        os.link(source, partial_file)
    except OSError:
        copy(source, file)
        return
    partial_file.replace(file)
    partial_file.unlink(missing_ok=True)  # Where both were names of one file, POSIX leaves both.
    _sync_folder(file.parent)


def _partial(file: Path) -> Path:
    return file.with_name(f".{file.name}.part")


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open folders; its file system keeps the order of renames.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
