"""The formats of a table of predictions: each writes rows as they come."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from litclassify.errors import UserError
from litclassify.predictions.schema import Row, Schema, are_columns

# Parquet is written in groups, of which one is held in memory.
ROWS_PER_GROUP = 4096


Write = Callable[[Sequence[Row]], object]
"""Appends rows to a table."""


@contextmanager
def _csv_table(path: Path, schema: Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(schema.columns)
        yield writer.writerows


@contextmanager
def _json_lines_table(path: Path, schema: Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        names = list(schema.columns)

        def write(rows: Sequence[Row]) -> None:
            for row in rows:
                file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _parquet_table(path: Path, schema: Schema) -> Iterator[Write]:
    import pyarrow  # noqa: PLC0415 - of an extra
    from pyarrow import parquet  # noqa: PLC0415

    types = {str: pyarrow.string(), float: pyarrow.float32()}
    fields = pyarrow.schema([(name, types[kind]) for name, kind in schema.columns.items()])
    with parquet.ParquetWriter(path, fields) as table:
        held: list[Any] = []

        def write_group() -> None:
            if held:
                table.write_table(pyarrow.Table.from_batches(held, fields))
                held.clear()

        def write(rows: Sequence[Row]) -> None:
            # Columns of Arrow, in which a number takes 4 bytes; in a list of Python's it takes 32.
            held.append(pyarrow.record_batch(list(zip(*rows, strict=True)), schema=fields))
            if sum(map(len, held)) >= ROWS_PER_GROUP:
                write_group()

        yield write
        write_group()


def _csv_columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def _json_lines_columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as file:
        row = json.loads(file.readline())
    return list(row) if isinstance(row, dict) else []


def _parquet_columns(path: Path) -> list[str]:
    from pyarrow import parquet  # noqa: PLC0415 - of an extra

    return list(parquet.read_schema(path).names)


Open = Callable[[Path, Schema], AbstractContextManager[Write]]
ReadColumns = Callable[[Path], list[str]]
FORMATS: dict[str, tuple[Open, ReadColumns]] = {
    ".csv": (_csv_table, _csv_columns),
    ".jsonl": (_json_lines_table, _json_lines_columns),
    ".parquet": (_parquet_table, _parquet_columns),
}


def check_format(path: Path) -> None:
    """Check that a table can be written under a name.

    Raises:
        UserError: It has another ending, or one that needs a package that is missing.
    """
    if path.suffix not in FORMATS:
        *others, last = FORMATS
        raise UserError(f"--output must end in {', '.join(others)} or {last}, got '{path}'.")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401, PLC0415 - of an extra
        except ImportError as error:
            raise UserError(
                f"--output '{path}' needs pyarrow: pip install 'litclassify[tables]', or take .csv or .jsonl."
            ) from error


def check_replaceable(path: Path) -> None:
    """Check that a file, if there is one of this name, is a table of predictions in the format of its ending, or empty.

    Raises:
        UserError: It is something else, which is not ours to replace.
    """
    if path.exists() and not (path.is_file() and (path.stat().st_size == 0 or _is_table(path))):
        raise UserError(
            f"--output '{path}' exists and is not a table that predict wrote. Give another name, or delete it."
        )


def _is_table(path: Path) -> bool:
    _, read_columns = FORMATS[path.suffix]
    try:
        return are_columns(read_columns(path))
    except (OSError, ValueError, RecursionError, csv.Error):
        return False


def open_table(path: Path, suffix: str, schema: Schema) -> AbstractContextManager[Write]:
    """Open a table.

    Args:
        path: The file; an earlier one is replaced.
        suffix: `.csv`, `.jsonl` or `.parquet`, whatever the name of the file.
        schema: Of its rows.
    """
    open_new, _ = FORMATS[suffix]
    return open_new(path, schema)
