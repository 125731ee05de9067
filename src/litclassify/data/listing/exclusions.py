"""Images that a data set is to do without, listed in a file."""

import csv
import os
from collections.abc import Collection, Iterable, Iterator

from lightning.pytorch.utilities import rank_zero_warn

from litclassify.errors import UserError


def read_exclusions(file: str, folder: str) -> frozenset[str]:
    """Read a list of images: one path a line, or, of a file that ends in .csv, the column `path`.

    Args:
        file: Text in UTF-8, with a byte order mark or without; blank lines are skipped.
        folder: What the paths are relative to.

    Returns:
        Absolute paths, as `os.path.abspath` gives them. Those where there is nothing are warned of.

    Raises:
        UserError: The file cannot be read, or is a table without that column.
    """
    is_table = file.lower().endswith(".csv")
    try:
        with open(os.path.expanduser(file), encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            listed = list(_column_of_paths(lines, file) if is_table else (line.rstrip("\r\n") for line in lines))
    except OSError as error:
        raise UserError(f"data.exclude: '{file}' cannot be read: {error.strerror}.", "data.exclude") from error
    paths = {os.path.abspath(os.path.join(folder, line)) for line in listed if line.strip()}
    missing = sorted(path for path in paths if not os.path.lexists(path))
    if missing:
        rank_zero_warn(
            f"data.exclude='{file}' lists {len(missing)} of {len(paths)} paths where there is nothing, first "
            f"'{missing[0]}'. Paths are relative to '{folder}'."
        )
    return frozenset(paths)


def _column_of_paths(lines: Iterable[str], file: str) -> Iterator[str]:
    rows = csv.DictReader(lines)
    if "path" not in (rows.fieldnames or ()):
        raise UserError(f"data.exclude: '{file}' is a table without a column 'path'.", "data.exclude")
    return (row["path"] or "" for row in rows)


def positions_left(paths: Collection[str], excluded: Collection[str]) -> list[int]:
    """Give the positions of the paths that are not excluded.

    Args:
        paths: Files, by absolute paths or relative to the current directory.
        excluded: As `read_exclusions` gives them.
    """
    if not excluded:
        return list(range(len(paths)))
    return [i for i, path in enumerate(paths) if os.path.abspath(path) not in excluded]
