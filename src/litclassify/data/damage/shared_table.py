"""A CSV file that several processes append rows to."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from filelock import BaseFileLock, FileLock

from litclassify.files.durable_files import replacing

Row = list[str]


class SharedTable:
    """Rows that all processes see; names of files that are not UTF-8 keep their bytes.

    Args:
        file: Written with the first row.
        columns: Of every row.
    """

    def __init__(self, file: str, columns: Sequence[str]) -> None:
        self.file = file
        self.columns = list(columns)
        self._read_to = 0

    def lock(self) -> BaseFileLock:
        """Give what to hold from `new_rows` to `append`; the system frees it if the process dies."""
        return FileLock(os.path.join(os.path.dirname(self.file), f".{os.path.basename(self.file)}.lock"))

    def new_rows(self) -> list[Row]:
        """Read what others have appended since the last call."""
        if not os.path.exists(self.file):
            return []
        with open(self.file, "rb") as file:
            file.seek(self._read_to)
            text = file.read().decode(encoding="utf-8", errors="surrogateescape")
            self._read_to = file.tell()
        rows = csv.reader(io.StringIO(text, newline=""))
        return [row for row in rows if len(row) == len(self.columns) and row != self.columns]

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows at once, so that a process that is killed leaves whole rows.

        Raises:
            OSError: They cannot be written.
        """
        with open(self.file, "ab", buffering=0) as file:
            file.write(self._as_bytes(rows if file.tell() else [self.columns, *rows]))
            self._read_to = file.tell()

    def replace(self, rows: Sequence[Row]) -> None:
        """Write a file of these rows in place of the present one.

        Raises:
            OSError: It cannot be written.
        """
        with replacing(Path(self.file)) as file:
            file.write(self._as_bytes([self.columns, *rows]))
        self._read_to = 0

    def _as_bytes(self, rows: Sequence[Row]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        return text.getvalue().encode(encoding="utf-8", errors="surrogateescape")
