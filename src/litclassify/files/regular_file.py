"""Files that can be read to their end: no named pipe, which waits for a writer, no device, no endless file."""

import os
import stat
from typing import BinaryIO

MAX_BYTES = 1 << 31
"""Most bytes of a file: more than the pixels of the largest image that Pillow takes, at 8 bytes each."""


def open_regular(path: str, buffering: int = -1) -> BinaryIO:
    """Open a file to be read, `buffering` as by `open`.

    Raises:
        OSError: It cannot be opened, or is none that holds an image; the message says why.
    """
    file = open(path, "rb", buffering, opener=_open_without_waiting)  # noqa: SIM115 - the caller closes it
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("It is not a regular file")
        if status.st_size == 0:
            raise OSError("The file is empty")
        if status.st_size > MAX_BYTES:
            raise OSError(f"The file is larger than {MAX_BYTES >> 30} GiB")
    except OSError:
        file.close()
        raise
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
