import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from litclassify.errors import UserError
from litclassify.predictions import Row, Schema, check_format, check_replaceable, open_table
from litclassify.predictions.formats import FORMATS, ROWS_PER_GROUP

SCHEMA = Schema(["ant", "bee"], 1, labelled=True)
ROWS: list[Row] = [
    ['odd "name",\nwith a line.jpg', "ant", 0.75, "ant", 0.75, "bee", None],
    ["ü.jpg", None, None, None, None, "ant", "The file is empty."],
]


def write(path: Path, *chunks: list[Row]) -> Path:
    with open_table(path, path.suffix, SCHEMA) as append:
        for rows in chunks:
            append(rows)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_rows_are_read_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    expected = [dict(zip(SCHEMA.columns, row, strict=True)) for row in ROWS]
    assert read(write(tmp_path / f"p{suffix}", ROWS[:1], ROWS[1:])) == expected


def test_csv_has_empty_cells_for_what_is_missing(tmp_path: Path) -> None:
    expected = [["" if value is None else str(value) for value in row] for row in ROWS]
    assert [list(row.values()) for row in read(write(tmp_path / "p.csv", ROWS))] == expected


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_without_rows_has_its_columns(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"p{suffix}")
    assert read(path) == []
    if suffix == ".parquet":
        assert parquet.read_schema(path).names == list(SCHEMA.columns)


def test_parquet_is_written_in_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", *[ROWS * 100] * 50)
    file = parquet.ParquetFile(path)
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sum(groups) == 10_000
    assert max(groups) <= ROWS_PER_GROUP + 200
    assert file.schema_arrow.field("confidence").type == "float"


def test_without_pyarrow_parquet_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"^--output 'p.parquet' needs pyarrow: pip install 'litclassify\[tables\]'.*$"):
        check_format(Path("p.parquet"))
    check_format(Path("p.csv"))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("chunks", [[ROWS], []])
def test_a_table_of_predictions_may_be_replaced(tmp_path: Path, suffix: str, chunks: list[list[Row]]) -> None:
    check_replaceable(tmp_path / f"none{suffix}")
    check_replaceable(write(tmp_path / f"p{suffix}", *chunks))


@pytest.mark.parametrize(
    "content", [b"path,label,split\na.png,ant,train\n", b'{"path": "a.png", "label": "ant"}\n', b"[1]", b"\xff\0"]
)
@pytest.mark.parametrize("suffix", FORMATS)
def test_another_file_may_not_be_replaced(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^--output '{path}' exists and is not a table that predict wrote"):
        check_replaceable(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_of_predictions_in_another_format_may_not_be_replaced(tmp_path: Path, suffix: str) -> None:
    other = next(each for each in FORMATS if each != suffix)
    path = write(tmp_path / f"p{other}", ROWS).rename(tmp_path / f"p{suffix}")
    with pytest.raises(UserError, match="is not a table that predict wrote"):
        check_replaceable(path)
