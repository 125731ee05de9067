"""Files in the order of their age, while others are deleted."""

import os
from pathlib import Path

from litclassify.files.file_ages import newest_first


def files(folder: Path, ages: dict[str, int]) -> list[Path]:
    for name, age in ages.items():
        (folder / name).touch()
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))
    return [folder / name for name in ages]


def test_newest_comes_first(tmp_path: Path) -> None:
    paths = files(tmp_path, {"b": 2, "a": 1, "c": 3})
    assert [path.name for path in newest_first(paths)] == ["a", "b", "c"]
    assert newest_first([]) == []


def test_what_has_vanished_is_left_out(tmp_path: Path) -> None:
    paths = files(tmp_path, {"a": 1, "b": 2, "c": 3})
    paths[1].unlink()
    assert [path.name for path in newest_first(paths)] == ["a", "c"]
