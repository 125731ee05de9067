import json
from pathlib import Path

import pytest

from litclassify.predictions import Part, Parts

ORIGIN = {"the checkpoint": "a.ckpt", "batch_size": "2"}
# Of 7 images, in batches of 2, those of process 0 and those of process 1.
BATCHES = [[[["0"], ["2"]], [["4"], ["6"]]], [[["1"], ["3"]], [["5"]]]]


def write(parts: Parts, kept: int = 0, until: int = 2) -> None:
    for path, batches in zip(parts.paths, BATCHES, strict=True):
        part = Part(path, ORIGIN, kept)
        for batch in batches[kept:until]:
            part.write_batch(batch)
        part.close()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path / "p[1].csv", 2)


def test_rows_are_joined_in_the_order_of_the_data_set(parts: Parts) -> None:
    write(parts)
    assert [row for rows in parts.joined_rows() for (row,) in rows] == list("0123456")


def test_a_part_that_goes_on_is_the_part_that_was_never_interrupted(parts: Parts) -> None:
    write(parts)
    expected = [path.read_bytes() for path in parts.paths]
    write(parts, until=1)
    with parts.paths[0].open("a") as file:
        file.write('[["4"], ["')
    assert parts.finished_batches(ORIGIN) == (1, "")
    write(parts, kept=1)
    assert [path.read_bytes() for path in parts.paths] == expected


@pytest.mark.parametrize(
    ("torn", "finished"),
    [
        ('[["4"], ["6"]]', 1),  # Without its end.
        ('[["4"], ["6"]]\n', 2),
        ('[["4"], ["6"]]\n[["', 2),
        ("\0" * 40, 1),  # As some file systems leave it when a machine loses its power.
        ('[["4"], ["\0\0\0"]]\n', 1),
        ("", 1),
    ],
)
def test_what_is_torn_counts_for_nothing(parts: Parts, torn: str, finished: int) -> None:
    write(parts, until=1)
    for path in parts.paths:
        path.write_text(path.read_text() + torn)
    assert parts.finished_batches(ORIGIN) == (finished, "")


def test_the_process_that_came_least_far_decides(parts: Parts) -> None:
    write(parts)
    lines = parts.paths[1].read_text().splitlines(keepends=True)
    parts.paths[1].write_text("".join(lines[:2]))
    assert parts.finished_batches(ORIGIN) == (1, "")
    parts.paths[1].unlink()
    assert parts.finished_batches(ORIGIN) == (0, "")


@pytest.mark.parametrize("first_line", ["", "{", '{"batch_size": "2"', "[]\n", "\0\0\0"])
def test_without_its_origin_a_part_is_of_none(parts: Parts, first_line: str) -> None:
    for path in parts.paths:
        path.write_text(first_line)
    assert parts.finished_batches(ORIGIN)[0] == 0


def test_what_is_different_is_named(parts: Parts) -> None:
    write(parts)
    assert parts.finished_batches({**ORIGIN, "batch_size": "4"}) == (0, "batch_size is 4, and was 2")
    assert parts.finished_batches({**ORIGIN, "data.seed": "1"}) == (0, "data.seed is 1, and was not set")


def test_parts_of_more_processes_are_removed_and_nothing_else(parts: Parts, tmp_path: Path) -> None:
    others = [tmp_path / name for name in (".p1.csv.part0", "p[1].csv", ".p[1].csv.part", ".p[1].csv.part0.txt")]
    for path in [*parts.paths, tmp_path / ".p[1].csv.part12", *others]:
        path.write_text("{}")
    parts.remove()
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_lines_are_json_on_one_line_each(parts: Parts) -> None:
    part = Part(parts.paths[0], ORIGIN)
    part.write_batch([["a\nb\u2028.jpg", None, 0.5]])
    part.close()
    lines = parts.paths[0].read_bytes().split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == [ORIGIN, [["a\nb\u2028.jpg", None, 0.5]]]
