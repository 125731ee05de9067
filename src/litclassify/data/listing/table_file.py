"""Columns of a CSV or Parquet file, with each distinct cell held once."""

import csv
import os
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from litclassify.errors import UserError
from litclassify.suggestions import nearest, some_of

PARQUET = (".parquet", ".pq")
DELIMITERS = (",", ";", "\t", "|")
# Rows that are held as they stand in the file: so few that Python looks for no garbage among them, which takes longer
# than to read them.
CHUNK = 500


class Column:
    """The cells of a column, as numbers of its distinct cells.

    Args:
        name: As in the header.
        convert: Applied to every cell.
    """

    def __init__(self, name: str, convert: Callable[[str], str] = str.strip) -> None:
        self.name = name
        self.convert = convert
        self._codes = array("q")
        self._known: dict[str, int] = defaultdict(count().__next__)

    def extend(self, cells: Iterable[str]) -> None:
        """Add cells."""
        self._codes.extend(map(self._known.__getitem__, map(self.convert, cells)))

    @cached_property
    def codes(self) -> npt.NDArray[np.int64]:
        """Number of each cell among the distinct ones, int64 (N,)."""
        return np.array(self._codes)

    @cached_property
    def cells(self) -> list[str]:
        """The distinct cells, in order of their first appearance."""
        return list(self._known)

    def first_row_of(self, cell: str) -> int:
        """Give the position of the first row with a cell that is there."""
        return int(np.argmax(self.codes == self._known[cell]))


@dataclass(frozen=True)
class Table:
    """What was read of a file."""

    file: str
    columns: Mapping[str, Column]
    """By what they are for."""
    num_rows: int

    def row(self, position: int) -> str:
        """Name a row in a message: by its line in a CSV file, or counted from 1."""
        return f"'{self.file}', row {_number(self.file, position)}"

    def contradiction(self, use: str, values: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> tuple[str, str] | None:
        """Find two of `rows`, given by their positions, that agree in a column and differ in `values` (N,) or (N, K).

        Returns:
            The cell that they have in common and their places, to be named in a message; None if there are none.
        """
        column = self.columns[use]
        _, first, of_row = np.unique(column.codes[rows], return_index=True, return_inverse=True)
        values = values[rows]
        differs = (values != values[first[of_row]]).reshape(len(rows), -1).any(axis=1)
        if not differs.any():
            return None
        second = int(np.argmax(differs))
        numbers = [_number(self.file, int(rows[i])) for i in (first[of_row[second]], second)]
        return column.cells[column.codes[rows[second]]], f"'{self.file}', rows {numbers[0]} and {numbers[1]}"


def read_table(
    file: str,
    required: Mapping[str, str],
    optional: Mapping[str, str],
    convert: Mapping[str, Callable[[str], str]],
) -> Table:
    """Read columns of a table; spaces around cells are dropped.

    Args:
        file: Parquet by its ending, else CSV in UTF-8 with a header, which also says what delimits its cells.
        required: Names of columns, by what they are for.
        optional: The same for columns that may be missing.
        convert: What is made of every cell instead, likewise.

    Raises:
        UserError: The file cannot be read, lacks a column, has no rows, or has a row that does not fit its header.
    """
    if not os.path.isfile(file):
        raise UserError(f"data.table: there is no file '{file}'.")
    with _refusals_named(file):
        names = _columns(file, _parquet_header(file) if _is_parquet(file) else _csv_header(file), required, optional)
        columns = {use: Column(name, convert.get(use, str.strip)) for use, name in names.items()}
        num_rows = 0
        for chunk in (_parquet_chunks if _is_parquet(file) else _csv_chunks)(file, list(names.values())):
            num_rows += len(chunk[0])
            for column, cells in zip(columns.values(), chunk, strict=True):
                column.extend(cells)
    if num_rows == 0:
        raise UserError(f"data.table='{file}' has no rows.")
    return Table(file, columns, num_rows)


def _columns(
    file: str, header: Sequence[str], required: Mapping[str, str], optional: Mapping[str, str]
) -> dict[str, str]:
    for use, name in required.items():
        if name not in header:
            raise UserError(
                f"data.{use}_column: there is no column '{name}' in '{file}'.{nearest(name, header)} "
                f"Its columns are {some_of(header) or 'none: it is empty'}."
            )
    found = {use: name for use, name in {**required, **optional}.items() if name in header}
    for use, name in found.items():
        if header.count(name) > 1:
            raise UserError(
                f"data.{use}_column: '{file}' has {header.count(name)} columns '{name}': rename what is not meant."
            )
    return found


@contextmanager
def _refusals_named(file: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        with open(file, "rb") as lines:
            number = next(number for number, line in enumerate(lines, start=1) if not _is_utf8(line))
        raise UserError(f"data.table: '{file}', row {number} is not text in UTF-8. Save the table as UTF-8.") from error
    except OSError as error:
        raise UserError(f"data.table: '{file}' cannot be read: {error.strerror or error}") from error


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_parquet(file: str) -> bool:
    return file.lower().endswith(PARQUET)


def _number(file: str, position: int) -> int:
    if _is_parquet(file):
        return position + 1
    with _csv_reader(file) as reader:
        next(islice(filter(None, reader), position + 1, None))  # After the header.
        return int(reader.line_num)


@contextmanager
def _csv_reader(file: str) -> Iterator[Any]:
    """Open a file; what holds no cell is an empty list."""
    with open(file, encoding="utf-8-sig", newline="") as text:
        header = text.readline()
        text.seek(0)
        delimiter = max(DELIMITERS, key=header.count)
        reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            yield reader
        except csv.Error as error:
            raise UserError(f"data.table: '{file}', row {reader.line_num}: {error}.") from error


def _csv_header(file: str) -> list[str]:
    with _csv_reader(file) as reader:
        return [name.strip() for name in next(filter(None, reader), [])]


def _csv_chunks(file: str, names: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """Give the named columns, some rows at a time; lines without any cell are passed over."""
    header = _csv_header(file)
    places = [header.index(name) for name in names]
    start = 0
    with _csv_reader(file) as reader:
        rows = filter(None, reader)
        next(rows)
        while chunk := list(islice(rows, CHUNK)):
            widths = np.array([len(row) for row in chunk])
            if (widths != len(header)).any():
                place = int(np.argmax(widths != len(header)))
                raise UserError(
                    f"data.table: '{file}', row {_number(file, start + place)} has {widths[place]} cells, but the "
                    f"header {len(header)}. A cell that holds the delimiter '{reader.dialect.delimiter}' stands in "
                    "double quotes."
                )
            start += len(chunk)
            columns = list(zip(*chunk, strict=True))
            yield [columns[place] for place in places]


def _parquet_file(file: str) -> Any:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise UserError(
            f"data.table='{file}' needs pyarrow: pip install 'litclassify[tables]', or give CSV."
        ) from error
    try:
        return parquet.ParquetFile(file)
    except ArrowException as error:
        raise UserError(f"data.table: '{file}' cannot be read: {error}") from error


def _parquet_header(file: str) -> list[str]:
    with _parquet_file(file) as table:
        return list(table.schema_arrow.names)


def _parquet_chunks(file: str, names: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """Give the named columns, some rows at a time; null and NaN are empty cells."""
    with _parquet_file(file) as table:
        for batch in table.iter_batches(CHUNK, columns=list(names)):
            columns = [batch.column(name).to_pylist() for name in names]
            for name, cells in zip(names, columns, strict=True):
                other = next((cell for cell in cells if not isinstance(cell, str | int | float | NoneType)), None)
                if other is not None:
                    raise UserError(
                        f"data.table: '{name}' of '{file}' holds a {type(other).__name__}: only text and numbers are "
                        "read. Several labels are one text, with data.label_separator between them."
                    )
            yield [list(map(_text, cells)) for cells in columns]


def _text(cell: str | float | None) -> str:
    return "" if cell is None or cell != cell else str(cell)  # noqa: PLR0124 - only NaN differs from itself
