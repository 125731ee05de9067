"""Damaged files are images or unreadable; there is no third way."""

import ctypes
import gc
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from tests.data.fuzzing import damaged_files

from litclassify.data.decoding.decode import UnreadableImageError, Window, decode_image, decode_window


def whole(height: int, width: int) -> Window:
    return Window(0, 0, height, width, (8, 8))


def part(height: int, width: int) -> Window:
    return Window(height // 3, width // 3, max(1, height // 2), max(1, width // 2), (8, 8))


def used_mib() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # What glibc keeps for what comes next, as commands let it, is not a leak.
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def read(path: str, num_channels: int) -> bool:
    """Whether a file is read, as a whole, as a window or in part: as tensors of the right shape."""
    images = []
    with suppress(UnreadableImageError):
        images.append(decode_image(path, num_channels))
    for window in (whole, part):
        with suppress(UnreadableImageError):
            images.append(decode_window(path, num_channels, window))
            assert images[-1].shape[1:] == (8, 8)
    assert all((image.dtype, image.ndim, image.shape[0]) == (torch.uint8, 3, num_channels) for image in images)
    return bool(images)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("decoder", ["Pillow", "simplejpeg"])
def test_some_hundred_damaged_files(decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if decoder == "Pillow":
        monkeypatch.setattr("litclassify.data.decoding.plain_jpeg.simplejpeg", None)
    path, readable = tmp_path / "image", 0
    for i, content in enumerate(damaged_files(340, seed=0)):
        path.write_bytes(content)
        readable += read(str(path), 3 if i % 3 else 1)
    assert 34 < readable < 306


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ten_thousand_damaged_files_without_hang_or_growth(tmp_path: Path) -> None:
    path, readable, slowest, before = tmp_path / "image", 0, 0.0, 0.0
    for i, content in enumerate(damaged_files(10_000, seed=1)):
        if i == 1000:
            before = used_mib()
        path.write_bytes(content)
        start = time.perf_counter()
        readable += read(str(path), 3 if i % 3 else 1)
        slowest = max(slowest, time.perf_counter() - start)
    growth = used_mib() - before
    print(f"{readable} of 10000 are still images; the slowest took {slowest:.1f} s; {growth:.0f} MiB more memory")  # noqa: T201
    assert slowest < 60
    assert growth < 200
