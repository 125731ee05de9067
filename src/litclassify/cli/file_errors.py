"""A disk that is full, that nobody may write to, or that has gone: said in a line."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litclassify.cli.own_variables import RUN_DIR
from litclassify.cli.runs.directory import CHECKPOINTS, LAST
from litclassify.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
# What is wrong with the disk or the user's rights to it, and not with the program.
FILE_SYSTEM = (
    *FULL,
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE),
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG),
)


@contextmanager
def file_errors_explained() -> Iterator[None]:
    """Say which file cannot be written or read, and what is left of the run.

    Raises:
        UserError: The file system refuses something, or the run's directory has gone.
    """
    try:
        with _writers_thread_silent():
            yield
    except OSError as error:
        run = Path(os.environ[RUN_DIR]) if RUN_DIR in os.environ else None
        if error.errno == errno.ENOENT and run is not None and not run.is_dir():
            raise UserError(f"'{run}' is gone: it was deleted or moved while the command ran.") from error
        if error.errno not in FILE_SYSTEM:
            raise
        file = error.filename or run  # A write that fails names no file.
        place = f"'{file}': " if file else ""
        raise UserError(f"{place}{error.strerror}.{_consolation(error, run)}") from error


def _consolation(error: OSError, run: Path | None) -> str:
    if error.errno not in FULL or run is None or not (run / CHECKPOINTS / LAST).is_file():
        return ""
    return f"\nWhat was written before is whole: with room again, fit --ckpt_path {run}/last goes on."


@contextmanager
def _writers_thread_silent() -> Iterator[None]:
    """Leave out the traceback of a thread that failed to write to a file: who gave it the data raises that error."""
    previous = threading.excepthook

    def report(failure: threading.ExceptHookArgs) -> None:
        if not isinstance(failure.exc_value, OSError) or failure.exc_value.errno not in FILE_SYSTEM:
            previous(failure)

    threading.excepthook = report
    try:
        yield
    finally:
        threading.excepthook = previous
