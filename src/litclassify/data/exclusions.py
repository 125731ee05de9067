"""Images that a data set is to do without, listed in a file."""

import os
from collections.abc import Collection

from lightning.pytorch.utilities import rank_zero_warn

from litclassify.errors import UserError


def read_exclusions(file: str, folder: str) -> frozenset[str]:
    """Read a list of images, one path a line; blank lines are skipped.

    Args:
        file: Text in UTF-8.
        folder: What the paths are relative to.

    Returns:
        Normalised paths, as `os.path.normpath` gives them, of the files that are there; others are warned of.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        with open(os.path.expanduser(file), encoding="utf-8", errors="surrogateescape") as lines:
            listed = [line.rstrip("\r\n") for line in lines]
    except OSError as error:
        raise UserError(f"data.exclude: '{file}' cannot be read: {error.strerror}.", "data.exclude") from error
    paths = {os.path.normpath(os.path.join(folder, line)) for line in listed if line.strip()}
    missing = sorted(path for path in paths if not os.path.isfile(path))
    if missing:
        rank_zero_warn(
            f"data.exclude='{file}' lists {len(missing)} of {len(paths)} paths that are no files, first "
            f"'{missing[0]}'. Paths are relative to '{folder}'."
        )
    return frozenset(paths.difference(missing))


def positions_left(paths: Collection[str], excluded: Collection[str]) -> list[int]:
    """Give the positions of the paths that are not excluded."""
    return [i for i, path in enumerate(paths) if os.path.normpath(path) not in excluded]
