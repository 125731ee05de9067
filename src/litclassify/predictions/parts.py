"""Parts of a table, each by one process, from which an interrupted prediction goes on.

A part is a text file: a line that says what is predicted, with what, and then a line for each batch, with its rows.
"""

import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice, takewhile, zip_longest
from pathlib import Path

from litclassify.files.durable_files import completing
from litclassify.predictions.schema import Row

Origin = Mapping[str, str]
"""All that rows depend on, by name."""


class Part:
    """The rows of one process.

    Args:
        path: The file.
        origin: Of the rows.
        kept_batches: How many batches of an earlier part stay; the rest of it is dropped.
    """

    def __init__(self, path: Path, origin: Origin, kept_batches: int = 0) -> None:
        self.path = path
        # A file of its own: a process that outlived its command may still write to the earlier one.
        with completing(path) as fresh, fresh.open("wb") as new:
            if kept_batches == 0:
                new.write(_line(origin))
            else:
                with path.open("rb") as lines:
                    new.writelines(islice(lines, 1 + kept_batches))
        self._file = path.open("ab")

    def write_batch(self, rows: Sequence[Row]) -> None:
        """Append the rows of a batch; they outlast this process, however it ends."""
        self._file.write(_line(rows))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(content: object) -> bytes:
    return f"{json.dumps(content)}\n".encode()


class Parts:
    """The parts of a table, one for each process.

    Args:
        table: The file that they are joined to.
        world_size: Number of processes.
    """

    def __init__(self, table: Path, world_size: int) -> None:
        self.table = table
        self.paths = [self._path(rank) for rank in range(world_size)]

    def _path(self, rank: int) -> Path:
        return self.table.with_name(f".{self.table.name}.part{rank}")

    def finished_batches(self, origin: Origin) -> tuple[int, str]:
        """Count the batches that every process has finished.

        Returns:
            Their number, and, if there are parts of another origin, what is different about them.
        """
        earlier = [_read_origin(path) for path in self.paths]
        other = next((found for found in earlier if found not in (None, origin)), None)
        if other is not None:
            return 0, _difference(other, origin)
        if None in earlier:
            return 0, ""
        return min(map(_whole_batches, self.paths)), ""

    def joined_rows(self) -> Iterator[list[Row]]:
        """Give rows in the order of the data set, some at a time: of W processes, process r predicted r, r + W, …"""
        with ExitStack() as stack:
            files = [stack.enter_context(path.open(encoding="utf-8")) for path in self.paths]
            for file in files:
                next(file)
            for lines in zip_longest(*files):
                batches = [json.loads(line) for line in lines if line is not None]
                yield [row for rows in zip_longest(*batches) for row in rows if row is not None]

    def remove(self) -> None:
        """Remove them, and those that a prediction with more processes left."""
        for path in self.table.parent.glob(f"{glob.escape(self._path(0).name[:-1])}*"):
            if path.name.removeprefix(self._path(0).name[:-1]).isdecimal():
                path.unlink()


def _read_origin(path: Path) -> Origin | None:
    """Read what the rows of a part are of; None if there is no such file, or it is torn."""
    try:
        with path.open(encoding="utf-8") as lines:
            origin = json.loads(lines.readline())
    except (FileNotFoundError, ValueError):
        return None
    return origin if isinstance(origin, dict) else None


def _difference(earlier: Origin, origin: Origin) -> str:
    keys = [key for key in {**earlier, **origin} if earlier.get(key) != origin.get(key)]
    key = keys[0]
    return f"{key} is {origin.get(key, 'not set')}, and was {earlier.get(key, 'not set')}"


def _whole_batches(path: Path) -> int:
    """Count up to the first that is torn: a process or its machine may have died while it wrote."""
    with path.open("rb") as lines:
        next(lines)
        return sum(1 for _ in takewhile(_is_whole, lines))


def _is_whole(line: bytes) -> bool:
    return line.startswith(b"[[") and line.endswith(b"]]\n") and b"\0" not in line
