from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from torchvision.transforms.v2.functional import pil_to_tensor

from litclassify.data.decoding.decode import UnreadableImageError, Window, decode_image, decode_window
from litclassify.errors import UserError


@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "LA", "RGBA", "I;16"])
def test_any_mode_gives_uint8_in_the_channels_asked_for(make_image, mode, num_channels):
    path = make_image("image.tif" if mode == "CMYK" else "image.png", mode=mode)
    image = decode_image(path, num_channels)
    assert image.dtype == torch.uint8
    assert image.shape == (num_channels, 10, 12)


def test_pixels_are_those_of_the_file(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    assert np.array_equal(decode_image(str(tmp_path / "image.png"), 3).permute(1, 2, 0).numpy(), pixels)


@pytest.mark.parametrize("suffix", ["tif", "png", "pgm"])
@pytest.mark.parametrize("value", [0, 256, 0x8000, 0xFFFF])
def test_16_bits_are_scaled_and_not_clipped(tmp_path: Path, suffix, value):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(np.full((3, 4), value, dtype=np.uint16)).save(path)
    assert decode_image(str(path), 1).unique().tolist() == [value >> 8]


def test_16_bits_that_pillow_opens_as_32_are_scaled(tmp_path: Path, monkeypatch):
    """Older versions of Pillow open all 16-bit PNG so."""
    Image.fromarray(np.full((3, 4), 0x8000, dtype=np.uint16)).save(tmp_path / "image.png")
    monkeypatch.setitem(PngImagePlugin._MODES, (16, 0), ("I", "I;16B"))
    with Image.open(tmp_path / "image.png") as image:
        assert image.mode == "I"
    assert decode_image(str(tmp_path / "image.png"), 3).unique().tolist() == [0x80]


@pytest.mark.parametrize("values", [np.float32([[0.0, 1.0]]), np.float32([[0.0, 255.0]]), np.int32([[0, 255]])])
@pytest.mark.parametrize("size", [None, (1, 1)])
def test_32_bits_are_refused(tmp_path: Path, values, size):
    path = str(tmp_path / "image.tif")
    Image.fromarray(values).save(path)
    with pytest.raises(
        UnreadableImageError, match=r"Cannot read .* 32 bits per pixel.* save it with 8 or 16\."
    ) as error:
        decode_image(path, 3) if size is None else decode_window(path, 3, lambda h, w: Window(0, 0, h, w, size))
    assert error.value.reason.startswith("32 bits per pixel")


@pytest.mark.parametrize(("alpha", "expected"), [(255, [10, 20, 30]), (0, [255, 255, 255])])
def test_transparency_shows_white(make_image, alpha, expected):
    path = make_image("image.png", mode="RGBA", color=(10, 20, 30, alpha))
    assert decode_image(path, 3)[:, 0, 0].tolist() == expected


def test_transparent_palette_shows_white_without_a_warning(tmp_path: Path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0])
    image.save(tmp_path / "image.png", transparency=b"\x00")
    assert decode_image(str(tmp_path / "image.png"), 3)[:, 0, 0].tolist() == [255, 255, 255]


def test_exif_orientation_is_applied(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees.
    Image.new("RGB", (12, 10)).save(tmp_path / "image.jpg", exif=exif)
    assert decode_image(str(tmp_path / "image.jpg"), 3).shape == (3, 12, 10)


@pytest.mark.parametrize("keep", [0, 10, 100])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_damaged_file_is_named(tmp_path: Path, suffix, keep):
    path = tmp_path / f"image.{suffix}"
    Image.effect_noise((64, 64), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=rf"Cannot read '.*image\.{suffix}'"):
        decode_image(str(path), 3)


def test_missing_file_is_named():
    with pytest.raises(UserError, match=r"Cannot read 'no\.png'"):
        decode_image("no.png", 3)


@pytest.fixture(params=["Pillow", "simplejpeg"])
def decoder(request, monkeypatch):
    """Each of the decoders of JPEG, the optional one where it is installed."""
    if request.param == "Pillow":
        monkeypatch.setattr("litclassify.data.decoding.plain_jpeg.simplejpeg", None)
    else:
        pytest.importorskip("simplejpeg")


@pytest.mark.parametrize(
    ("suffix", "mode", "options"),
    [
        ("jpg", "RGB", {"quality": 90}),
        ("jpg", "RGB", {"quality": 30, "subsampling": 2, "progressive": True}),
        ("jpg", "L", {}),
        ("jpg", "CMYK", {}),
        ("png", "RGB", {}),
        ("png", "L", {}),
        ("png", "P", {}),
        ("png", "1", {}),
        ("webp", "RGB", {"lossless": True}),
        ("webp", "RGB", {"quality": 60}),
        ("gif", "P", {}),
        ("bmp", "RGB", {}),
        ("tif", "CMYK", {}),
        ("ppm", "RGB", {}),
    ],
)
def test_every_format_is_as_pillow_reads_it(tmp_path: Path, decoder, suffix, mode, options):
    noise = np.random.default_rng(0).integers(0, 256, (41, 67, 3), dtype=np.uint8)
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(noise).convert(mode).save(path, **options)
    with Image.open(path) as image:
        rgb, gray = pil_to_tensor(image.convert("RGB")), pil_to_tensor(image.convert("L"))
    assert torch.equal(decode_image(str(path), 3), rgb)
    assert torch.equal(decode_image(str(path), 1), gray)


def test_animation_shows_its_first_frame(tmp_path: Path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "image.gif", save_all=True, append_images=frames[1:])
    assert decode_image(str(tmp_path / "image.gif"), 3)[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_truncated_jpeg_is_refused(tmp_path: Path, decoder, keep):
    path = tmp_path / "image.jpg"
    Image.effect_noise((256, 256), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(UserError, match="Cannot read .* truncated"):
        decode_image(str(path), 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif"])
def test_images_of_one_pixel_are_read(make_image, suffix):
    path = make_image(f"image.{suffix}", mode="L", size=(1, 1), color=200)
    assert decode_image(path, 3).flatten().tolist() == [200, 200, 200]


def test_image_is_the_callers_to_change(make_image):
    for path in (make_image("image.png"), make_image("image.jpg")):
        decode_image(path, 3).add_(1)


def test_images_of_one_thread_share_no_memory(tmp_path: Path):
    paths = [str(tmp_path / f"{i}.jpg") for i in range(2)]
    for i, path in enumerate(paths):
        Image.new("RGB", (40, 40), (200 * i, 0, 0)).save(path)
    for size in ((10, 10), (20, 20), (40, 40)):
        window = Window(5, 5, 20, 20, size)
        first = decode_window(paths[0], 3, lambda *_, window=window: window)
        before = first.clone()
        decode_window(paths[1], 3, lambda *_, window=window: window)
        assert torch.equal(first, before)


@pytest.mark.parametrize(
    "damage", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xdb\x00\x00", b"\xff\xd8\xff\xdb\xff\xff"]
)
def test_damaged_segments_are_left_to_pillow(tmp_path: Path, decoder, damage):
    (tmp_path / "image.jpg").write_bytes(damage)
    with pytest.raises(UserError, match=r"Cannot read '.*image\.jpg'"):
        decode_image(str(tmp_path / "image.jpg"), 3)


def test_bomb_is_left_to_pillow(tmp_path: Path, decoder, monkeypatch):
    Image.new("RGB", (40, 40)).save(tmp_path / "image.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UserError, match="exceeds limit"):
        decode_image(str(tmp_path / "image.jpg"), 3)
