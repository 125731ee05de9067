"""Images sorted into folders by what is predicted for them."""

import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from litclassify.files.durable_files import completing
from litclassify.files.output_places import make_writable, write_refusals_named

UNREADABLE = "unreadable"
UNLABELLED = "unlabelled"
# What Windows allows in no name, and % itself; further, names of devices, whatever follows their dot.
FORBIDDEN = frozenset('%/\\<>:"|?*') | {chr(code) for code in (*range(32), 127)}
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}


def folder_of_class(name: str) -> str:
    """Give the name of the folder of a class, from which `urllib.parse.unquote` gives the class.

    It is a name in every file system, of a folder below the one it is in, and neither hidden nor one of the folders for
    images without a class. Where that takes it, a character becomes `%` and two hexadecimal digits, as in URLs.
    """
    escaped = escape_forbidden(name)
    if escaped.endswith((".", " ")):
        escaped = escaped[:-1] + _escape(escaped[-1])
    reserved = {*DEVICES, UNREADABLE, UNLABELLED}
    if escaped.startswith(".") or escaped.partition(".")[0].rstrip().lower() in reserved:
        escaped = _escape(escaped[0]) + escaped[1:]
    return escaped


def escape_forbidden(name: str) -> str:
    """Give `%` and the code for each character that file systems do not allow everywhere."""
    return "".join(_escape(character) if character in FORBIDDEN else character for character in name)


def _escape(character: str) -> str:
    return f"%{ord(character):02X}"


class FolderSorter:
    """Put images into a folder for each class: hard links where the file system has them, or else copies.

    No file is replaced: an image whose name is taken gets a suffix, `photo_2.jpg`. An image that is there already is
    left, so that doing it again changes nothing.

    Args:
        folder: Where the folders of the classes are made; it is made if it does not exist.

    Raises:
        UserError: It cannot be made, or not be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_writable("--sort_into", folder)

    def place(self, path: str, labels: Iterable[str] | None) -> None:
        """Put a file into the folder of each of its labels.

        Args:
            path: The file. If it is gone, it is left out.
            labels: None for a file that cannot be read as an image.

        Raises:
            UserError: It cannot be written there.
        """
        if not os.path.isfile(path):
            return
        folders = [UNREADABLE] if labels is None else [folder_of_class(label) for label in labels] or [UNLABELLED]
        for name in folders:
            with write_refusals_named("--sort_into", self.folder):
                (self.folder / name).mkdir(exist_ok=True)
                _put(path, self.folder / name)


def _put(path: str, folder: Path) -> None:
    source = os.path.realpath(path)  # The file behind a symbolic link: the link may not hold from elsewhere.
    for target in _candidates(folder, os.path.basename(path)):
        if os.path.lexists(target):
            if _is_same(source, target):
                return
            continue
        try:
            os.link(source, target)
        except FileExistsError:
            continue
        except OSError:
            _copy(source, target)
        return


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    stem, suffix = os.path.splitext(name)
    yield folder / name
    for number in count(2):
        yield folder / f"{stem}_{number}{suffix}"


def _is_same(source: str, target: Path) -> bool:
    if not target.is_file():
        return False
    return os.path.samefile(source, target) or (
        os.stat(source).st_mtime_ns == target.stat().st_mtime_ns and filecmp.cmp(source, target, shallow=False)
    )


def _copy(source: str, target: Path) -> None:
    """Copy a file, so that no part of it ever has the name of the whole."""
    with completing(target) as partial:
        shutil.copy2(source, partial)
