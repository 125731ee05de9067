"""A checksum at the end of a checkpoint, in the comment that the zip format has room for: others pass over it."""

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO

from litclassify.errors import UserError

MARK = b"litclassify sha256 "
COMMENT_BYTES = len(MARK) + hashlib.sha256().digest_size * 2
# How the last record of a zip file begins, its length without the comment, and its end, the length of the comment:
# https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3.16.
LAST_RECORD, LAST_RECORD_BYTES = b"PK\x05\x06", 22
NO_COMMENT, OUR_COMMENT = struct.pack("<H", 0), struct.pack("<H", COMMENT_BYTES)
CHUNK = 1 << 20


def seal(file: BinaryIO) -> None:
    """Add the checksum of a zip file that has just been written.

    Args:
        file: Open for reading and writing.
    """
    size = file.seek(0, os.SEEK_END)
    comment = MARK + _checksum(file, size - len(NO_COMMENT))
    file.seek(size - len(NO_COMMENT))
    file.write(OUR_COMMENT + comment)


def check_seal(path: Path, mistake: str) -> None:
    """Check that a file is what was written; one without a checksum passes.

    Args:
        path: The file.
        mistake: How the message starts.

    Raises:
        UserError: It is not.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, size - COMMENT_BYTES - LAST_RECORD_BYTES))
        end = file.read()
        place = max(0, end.rfind(LAST_RECORD))
        record, comment = end[place : place + LAST_RECORD_BYTES], end[place + LAST_RECORD_BYTES :]
        # Either may be damaged, or have lost its end.
        if not record.endswith(OUR_COMMENT) and not comment.startswith(MARK):
            return
        content_bytes = start + place + LAST_RECORD_BYTES - len(OUR_COMMENT)
        if not record.endswith(OUR_COMMENT) or comment != MARK + _checksum(file, content_bytes):
            raise UserError(f"{mistake}: it is damaged.")


def _checksum(file: BinaryIO, size: int) -> bytes:
    """Give SHA-256, in hexadecimal digits, of the first bytes of a file and the length of no comment."""
    file.seek(0)
    digest = hashlib.sha256()
    while size > 0:
        chunk = file.read(min(CHUNK, size))
        digest.update(chunk)
        size -= len(chunk)
    digest.update(NO_COMMENT)
    return digest.hexdigest().encode()
