"""From what a person types to a list of image files."""

import glob
import os
from collections import deque
from collections.abc import Iterable, Iterator

from litclassify.errors import UserError
from litclassify.files.image_formats import SUFFIXES


def find_images(path: str) -> list[str]:
    """List the images that `path` names.

    Args:
        path: An image file; a folder, searched recursively; a glob, where `**` crosses folders; or a `.txt`
            file with one path per line, relative to the current directory. Folders and globs are sorted and
            give only files with the suffix of an image.

    Returns:
        At least one path.

    Raises:
        UserError: Something named does not exist, or there is no image.
    """
    path = os.path.expanduser(path)
    if os.path.isfile(path):
        paths = read_path_list(path) if path.lower().endswith(".txt") else [path]
    elif os.path.isdir(path):
        paths = list_images(path)
    elif not glob.has_magic(path) and not os.path.exists(path):
        raise UserError(f"data.path: there is no file or folder '{path}'.")
    else:
        paths = sorted(only_images(filter(os.path.isfile, glob.iglob(path, recursive=True))))
    if not paths:
        raise UserError(
            f"data.path='{path}' names no image. Give an image file, a folder, a glob such as 'photos/*.jpg' "
            f"or a .txt file with one path per line. Images end in {', '.join(SUFFIXES)}."
        )
    return paths


def read_path_list(path: str) -> list[str]:
    """Paths in a text file, one per line; blank lines are skipped.

    Raises:
        UserError: None of the files that are listed exists, or `path` is not text.
    """
    try:
        with open(path, encoding="utf-8-sig") as lines:
            paths = [line.strip() for line in lines if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"data.path='{path}' is not text in UTF-8. A .txt file lists one path per line.") from error
    # A file that is missing among others is told in its row, as one that is damaged.
    if paths and not any(map(os.path.isfile, paths)):
        raise UserError(
            f"data.path='{path}' lists {len(paths)} file(s), none of which exists, first '{paths[0]}'. "
            f"Paths are relative to the current directory, '{os.getcwd()}'."
        )
    return paths


def list_images(folder: str) -> list[str]:
    """Image files in `folder` and the folders below it, sorted; hidden ones are passed over."""
    return sorted(_walk_images(folder))


def holds_images(folder: str) -> bool:
    """Whether there is one at all; the search ends at the first."""
    return next(_walk_images(folder), None) is not None


def _walk_images(folder: str) -> Iterator[str]:
    return (path for path in walk_files(folder) if path.lower().endswith(SUFFIXES))


def walk_files(folder: str) -> Iterator[str]:
    """Give the files in `folder` and the folders below it; hidden ones are passed over.

    Links to folders are followed after all else: to each folder once, and to none that holds the link, or `folder`.
    """
    seen: set[tuple[int, int]] = set()
    roots = deque([folder])
    while roots:
        for parent, folders, files in os.walk(roots.popleft()):
            status = os.stat(parent)
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                folders.clear()
                continue
            seen.add(identity)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (os.path.join(parent, name) for name in files if not name.startswith("."))
            links = filter(os.path.islink, (os.path.join(parent, name) for name in folders))
            roots.extend(link for link in links if not _holds(link, folder) and not _holds(link, parent))


def _holds(folder: str, place: str) -> bool:
    """Whether `place` is `folder` or lies in it, wherever links lead."""
    start, end = (os.path.join(os.path.realpath(path), "") for path in (folder, place))
    return end.startswith(start)


def only_images(paths: Iterable[str]) -> list[str]:
    """Those of `paths` that end in the suffix of an image, in any case."""
    return [path for path in paths if path.lower().endswith(SUFFIXES)]
