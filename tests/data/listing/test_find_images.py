import os
from pathlib import Path

import pytest

from litclassify.data import find_images
from litclassify.errors import UserError


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "deep/er/c.webp", "notes.md", ".hidden.jpg", ".cache/d.jpg", "odd[1].jpg"):
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Path("photos", name).touch()
    Path("empty").mkdir()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("photos/b.jpg", ["b.jpg"]),
        ("photos/odd[1].jpg", ["odd[1].jpg"]),
        ("photos", ["a.PNG", "b.jpg", "deep/er/c.webp", "odd[1].jpg"]),
        ("photos/*", ["a.PNG", "b.jpg", "odd[1].jpg"]),
        ("photos/*.jpg", ["b.jpg", "odd[1].jpg"]),
        ("photos/**/*.webp", ["deep/er/c.webp"]),
    ],
)
def test_file_folder_and_glob_give_sorted_images(path, found):
    assert find_images(path) == [os.path.join("photos", name) for name in found]


def test_list_keeps_its_order_and_skips_blank_lines():
    Path("list.txt").write_text("photos/b.jpg\n\n  photos/a.PNG\n")
    assert find_images("list.txt") == ["photos/b.jpg", "photos/a.PNG"]


@pytest.mark.parametrize("path", ["nowhere", "nowhere/*.jpg", "empty", "photos/*.md", "empty.txt"])
def test_nothing_found_is_refused(path):
    Path("empty.txt").touch()
    with pytest.raises(UserError, match=r"data\.path='.*' names no image"):
        find_images(path)


def test_list_without_any_file_that_exists_is_refused():
    Path("list.txt").write_text("b.jpg\ngone.jpg\n")
    with pytest.raises(UserError, match=r"data\.path='list\.txt' lists 2 file.*'b\.jpg'"):
        find_images("list.txt")


def test_list_keeps_missing_files_and_those_that_it_names_twice():
    Path("list.txt").write_text("photos/b.jpg\ngone.jpg\nphotos/b.jpg\nphotos\n")
    assert find_images("list.txt") == ["photos/b.jpg", "gone.jpg", "photos/b.jpg", "photos"]
