"""Places that a person names for what is written."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litclassify.errors import UserError


@contextmanager
def write_refusals_named(flag: str, path: Path) -> Iterator[None]:
    """Name the flag and the place that the file system refuses.

    Args:
        flag: As typed, `--output`.
        path: What it was given.

    Raises:
        UserError: Instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{flag} '{path}' cannot be written: {error.strerror}.") from error


def make_writable(flag: str, folder: Path) -> None:
    """Make a folder, unless there is one, and refuse one that cannot be written to before there is anything to write.

    Raises:
        UserError: It cannot be made, or not be written to.
    """
    with write_refusals_named(flag, folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
