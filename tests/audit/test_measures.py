import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.audit.planting import PAGE

from litclassify.audit.measures import measure


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "no image: it begins with b'%!PS"),
        (PAGE.encode(), "no image: it begins with b'<!DOCTYPE html"),
        (b"\xff\xd8\xff\xe0 and no more", "Truncated File Read"),
    ],
)
def test_what_is_no_image_says_why(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert reason in measure([str(tmp_path / "a.jpg")])[0].error


def test_32_bits_are_a_reason(tmp_path: Path) -> None:
    Image.fromarray(np.float32([[0, 1]])).save(tmp_path / "a.tif")
    assert measure([str(tmp_path / "a.tif")])[0].error.startswith("32 bits per pixel")


def test_a_truncated_file_has_the_words_of_the_decoder(picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture.save(path)
    path.write_bytes(path.read_bytes()[:-400])
    assert "truncated" in measure([str(path)])[0].error


def test_a_missing_file_is_a_reason(tmp_path: Path) -> None:
    assert measure([str(tmp_path / "none.jpg")])[0].error == "cannot be opened: No such file or directory"


@pytest.mark.timeout(20)
def test_what_would_be_waited_for_is_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "endless.jpg"):
        assert measure([str(tmp_path / name)])[0].error == "It is not a regular file"


def test_a_decompression_bomb_is_a_reason(
    picture: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture.save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "decompression bomb" in measure([str(tmp_path / "a.png")])[0].error


def test_one_bad_file_leaves_the_others(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    first, second, third = measure([str(tmp_path / name) for name in ("a.png", "b.png", "a.png")])
    assert second.error
    assert not first.error
    assert first.hash == third.hash


def test_measures_are_those_of_numpy(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    one = measure([str(tmp_path / "a.png")])[0]
    gray = np.asarray(picture.convert("L")).astype(float)
    shares = np.bincount(gray.astype(int).ravel(), minlength=256) / gray.size
    laplacian = sum(np.roll(gray, shift, axis) for shift in (-1, 1) for axis in (0, 1)) - 4 * gray
    assert (one.width, one.height, one.format, one.mode, one.frames) == (60, 40, "PNG", "RGB", 1)
    assert one.brightness == pytest.approx(gray.mean())
    assert one.contrast == pytest.approx(np.asarray(picture).reshape(-1, 3).std(axis=0).max())
    assert one.dark == pytest.approx((gray < 16).mean())
    assert one.bright == pytest.approx((gray > 239).mean())
    assert one.entropy == pytest.approx(-sum(share * np.log2(share) for share in shares if share))
    assert one.sharpness == pytest.approx(laplacian[1:-1, 1:-1].var() / gray.var(), rel=1e-4)


def test_pixels_in_memory_are_measured_as_those_of_a_file(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    file, memory = measure([str(tmp_path / "a.png"), np.asarray(picture)])
    assert (file.pixel_hash, file.hash, file.entropy) == (memory.pixel_hash, memory.hash, memory.entropy)


def test_the_hash_of_pixels_is_of_the_upright_image(picture: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    picture.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "upright.png")
    turned, upright = measure([str(tmp_path / "turned.png"), str(tmp_path / "upright.png")])
    assert turned.pixel_hash == upright.pixel_hash
    assert (turned.turned, upright.turned) == (True, False)
