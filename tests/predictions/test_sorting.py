import errno
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from litclassify.errors import UserError
from litclassify.predictions import FolderSorter
from litclassify.predictions.sorting import folder_of_class

HOSTILE = [
    *["../x", "..", ".", "/etc/passwd", "a/b", "a\\b", "C:\\x", "C:", "", " ", "~", "%2E", "%", "a%", "%41"],
    *["nul", "NUL", "CON.txt", "com1", "lpt9.a", "aux .b", "trailing.", "trailing ", "...", ".hidden", "a\0b", "a\nb"],
    *["unreadable", "Unreadable", "unlabelled", "größe", "猫", "a:b", 'a"b', "a|b", "a?b*", "<a>", "-rf", "\x7f"],
]


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_the_folder_of_a_class_is_a_single_folder_and_gives_the_class_back(tmp_path: Path, name: str) -> None:
    folder = folder_of_class(name)
    assert unquote(folder) == name
    assert not set(folder) & set('/\\<>:"|?*\0\n')
    assert not folder.startswith(".")
    assert not folder.endswith((".", " "))
    assert folder.lower() not in {"unreadable", "unlabelled", "nul", "con", "com1"}
    (tmp_path / folder).mkdir()
    assert os.listdir(tmp_path) == [folder]


def test_no_two_classes_share_a_folder() -> None:
    assert len(set(map(folder_of_class, HOSTILE))) == len(HOSTILE)


def test_usual_names_stay() -> None:
    for name in ("ants", "German shepherd", "größe", "v1.0", "console", "a-b_c (d)"):
        assert folder_of_class(name) == name


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    paths = [tmp_path / name for name in ("a/x.jpg", "b/x.jpg", "c/x.jpg", "d/y.jpg")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(str(path))
    return list(map(str, paths))


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def sort(folder: Path, images: list[str]) -> None:
    sorter = FolderSorter(folder)
    for path, labels in zip(images, [["cat"], ["cat"], ["../dog"], None], strict=True):
        sorter.place(path, labels)


@pytest.fixture(params=["links", "copies"])
def sorted_folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refused(*_: Any) -> None:
        raise OSError("Invalid cross-device link")

    if request.param == "copies":
        monkeypatch.setattr(os, "link", refused)
    return tmp_path / "deep" / "sorted"


def test_images_go_to_their_class_and_never_outside(sorted_folder: Path, images: list[str], tmp_path: Path) -> None:
    before = contents(tmp_path)
    sort(sorted_folder, images)
    expected = {"cat/x.jpg": 0, "cat/x_2.jpg": 1, "%2E.%2Fdog/x.jpg": 2, "unreadable/y.jpg": 3}
    assert contents(sorted_folder) == {name: images[i] for name, i in expected.items()}
    assert len(contents(tmp_path)) == len(before) + 4


def test_sorting_again_changes_nothing(sorted_folder: Path, images: list[str]) -> None:
    sort(sorted_folder, images)
    once = contents(sorted_folder)
    (sorted_folder / "cat" / "x_2.jpg").unlink()  # As if it had been interrupted.
    sort(sorted_folder, images)
    assert contents(sorted_folder) == once


def test_what_is_there_is_never_replaced(sorted_folder: Path, images: list[str]) -> None:
    (sorted_folder / "cat").mkdir(parents=True)
    (sorted_folder / "cat" / "x.jpg").write_text("mine")
    (sorted_folder / "cat" / "x_2.jpg").symlink_to("nowhere")
    (sorted_folder / "cat" / "x_3.jpg").mkdir()
    sort(sorted_folder, images)
    found = contents(sorted_folder)
    assert (found["cat/x.jpg"], found["cat/x_4.jpg"], found["cat/x_5.jpg"]) == ("mine", images[0], images[1])


def test_a_symbolic_link_gives_its_file(sorted_folder: Path, images: list[str], tmp_path: Path) -> None:
    (tmp_path / "link.jpg").symlink_to("a/x.jpg")
    FolderSorter(sorted_folder).place(str(tmp_path / "link.jpg"), ["cat"])
    assert not (sorted_folder / "cat" / "link.jpg").is_symlink()
    assert contents(sorted_folder) == {"cat/link.jpg": images[0]}


def test_several_labels_have_a_copy_each_and_none_has_a_folder(sorted_folder: Path, images: list[str]) -> None:
    sorter = FolderSorter(sorted_folder)
    sorter.place(images[0], ["sea", "beach"])
    sorter.place(images[1], [])
    assert set(contents(sorted_folder)) == {"sea/x.jpg", "beach/x.jpg", "unlabelled/x.jpg"}


def test_what_is_no_file_is_left_out(sorted_folder: Path, tmp_path: Path) -> None:
    sorter = FolderSorter(sorted_folder)
    for path in (tmp_path, tmp_path / "gone.jpg"):
        sorter.place(str(path), None)
    assert contents(sorted_folder) == {}


def test_a_copy_that_fails_leaves_nothing(images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def full(source: str, target: Path) -> None:
        target.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        sort(tmp_path / "sorted", images)
    assert contents(tmp_path / "sorted") == {}


def test_links_share_the_file(images: list[str], tmp_path: Path) -> None:
    FolderSorter(tmp_path / "sorted").place(images[0], ["cat"])
    assert os.path.samefile(images[0], tmp_path / "sorted/cat/x.jpg")


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--sort_into '.*' cannot be written: "):
        FolderSorter(tmp_path / name)


def test_a_class_whose_name_is_too_long_is_refused(tmp_path: Path, images: list[str]) -> None:
    with pytest.raises(UserError, match="--sort_into '.*' cannot be written: File name too long"):
        FolderSorter(tmp_path / "sorted").place(images[0], ["x" * 300])
