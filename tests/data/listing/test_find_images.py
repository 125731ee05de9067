import os
from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image

from litclassify.data import find_images
from litclassify.data.decoding.decode import decode_image
from litclassify.data.listing.find_images import list_images
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


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "avif", "jp2", "jpx", "dds", "tga", "JPG"])
def test_what_pillow_reads_is_found_and_read(suffix):
    Image.init()
    if Image.EXTENSION.get(f".{suffix.lower()}") not in Image.OPEN:
        pytest.skip("Pillow is built without it")
    file = f"empty/image.{suffix}"
    Image.new("RGB", (8, 8), (200, 0, 0)).save(file)
    assert find_images("empty") == [file]
    assert abs(decode_image(file, 3)[:, 4, 4].int() - torch.tensor([200, 0, 0])).max() <= 4


def test_links_to_folders_are_followed_as_torchvision_does(tmp_path):
    classes = tmp_path / "classes"
    for name in ("cat", "dog"):
        (classes / name).mkdir(parents=True)
        (classes / name / "0.jpg").touch()
    (classes / "cat" / "batch").symlink_to(tmp_path / "photos")
    (classes / "dog" / "deep").symlink_to(tmp_path / "photos" / "deep", target_is_directory=True)
    found = list_images(str(classes / "cat")) + list_images(str(classes / "dog"))
    theirs = [path for path, _ in torchvision.datasets.ImageFolder(str(classes)).samples]
    assert found == sorted(path for path in theirs if "/." not in path)
    assert len(found) == 2 + 4 + 1


@pytest.mark.timeout(20)
def test_links_in_a_circle_end(tmp_path):
    for link, target in [
        ("photos/self", "photos"),
        ("photos/up", "."),  # What lies beside the folder is not in it.
        ("photos/deep/er/down", "photos/deep"),
        ("photos/other", "other"),
        ("other/back", "photos"),
    ]:
        Path(link).parent.mkdir(exist_ok=True)
        Path(link).symlink_to(tmp_path / target)
    Path("other/e.jpg").touch()
    expected = ["a.PNG", "b.jpg", "deep/er/c.webp", "odd[1].jpg", "other/e.jpg"]
    assert find_images("photos") == [os.path.join("photos", name) for name in expected]


def test_a_folder_that_links_lead_to_twice_is_listed_once_by_its_own_name(tmp_path):
    for link in ("photos/a", "photos/z"):
        Path(link).symlink_to(tmp_path / "photos" / "deep")
    assert [path for path in find_images("photos") if path.endswith(".webp")] == ["photos/deep/er/c.webp"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_list_keeps_its_order_and_skips_blank_lines(encoding):
    Path("list.txt").write_text("photos/b.jpg\n\n  photos/a.PNG\n", encoding=encoding)
    assert find_images("list.txt") == ["photos/b.jpg", "photos/a.PNG"]


@pytest.mark.parametrize("path", ["nowhere", "nowhere/a.jpg"])
def test_what_is_not_there_is_said_to_be_missing(path):
    with pytest.raises(UserError, match=rf"^data\.path: there is no file or folder '{path}'\.$"):
        find_images(path)


@pytest.mark.parametrize("path", ["nowhere/*.jpg", "empty", "photos/*.md", "empty.txt"])
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
