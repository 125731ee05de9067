import io
import random
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from litclassify.data.decoding import jpeg_part, plain_jpeg
from litclassify.data.decoding.decode import UnreadableImageError, Window, decode_window

pytest.importorskip("simplejpeg")
if find_spec("nvidia") is None or find_spec("nvidia.nvimgcodec") is None:
    pytest.skip("needs nvidia-nvimgcodec", allow_module_level=True)

HEIGHT, WIDTH = 83, 131  # No multiples of the blocks of 8 and 16 pixels.


def jpeg(**options: object) -> bytes:
    """Give a photograph of sorts: coarse and fine structure, in colour."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 13, 3), dtype=np.uint8)).resize((WIDTH, HEIGHT))
    noisy = np.asarray(coarse) + rng.integers(-20, 21, (HEIGHT, WIDTH, 3))
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


FILES = [jpeg(), jpeg(subsampling=0), jpeg(subsampling=1, quality=30), jpeg(optimize=True)]


def decode_part(
    content: bytes, top: int, left: int, height: int, width: int, *, into_scratch: bool = False
) -> npt.NDArray[np.uint8] | None:
    scan = content.index(b"\xff\xda")
    return jpeg_part.decode_part(content, scan, top, left, height, width, into_scratch=into_scratch)


def pixels_of(content: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


@given(content=st.sampled_from(FILES), into_scratch=st.booleans(), data=st.data())
def test_a_part_is_that_of_the_whole(content: bytes, into_scratch: bool, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, HEIGHT - 1)), data.draw(st.integers(0, WIDTH - 1))
    height, width = data.draw(st.integers(1, HEIGHT - top)), data.draw(st.integers(1, WIDTH - left))
    part = decode_part(content, top, left, height, width, into_scratch=into_scratch)
    assert (part is None) == (width == 1)
    assert part is None or np.array_equal(part, pixels_of(content)[top : top + height, left : left + width])


@pytest.mark.parametrize("size", [(20, 30), (15, 25)])
def test_a_window_is_read_so(size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES[0])
    window = Window(11, 7, 20, 30, size)
    calls = []

    def noted(*arguments: object, **options: object) -> npt.NDArray[np.uint8] | None:
        calls.append(arguments[2:])
        return jpeg_part.decode_part(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(plain_jpeg, "decode_part", noted)
    read = decode_window(str(path), 3, lambda *_: window)
    monkeypatch.setattr(plain_jpeg, "decode_part", lambda *_, **__: None)
    assert torch.equal(read, decode_window(str(path), 3, lambda *_: window))
    assert calls == [(11, 7, 20, 30)]


def test_most_of_an_image_and_what_jpeg_reduces_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES[0])
    monkeypatch.setattr(plain_jpeg, "decode_part", lambda *_, **__: pytest.fail("not so"))
    for window in (Window(0, 0, HEIGHT - 1, WIDTH - 1, (10, 100)), Window(0, 0, 40, 40, (20, 20))):
        decode_window(str(path), 3, lambda *_, window=window: window)


def test_images_share_no_memory(tmp_path: Path) -> None:
    window = Window(5, 5, 20, 20, (20, 20))
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES[0])
    first = decode_window(str(path), 3, lambda *_: window)
    before = first.clone()
    path.write_bytes(FILES[2])
    second = decode_window(str(path), 3, lambda *_: window)
    assert torch.equal(first, before)
    assert not torch.equal(first, second)
    second.add_(1)  # It is the caller's to change.


OTHERS = {
    "cut off": FILES[0][: len(FILES[0]) // 2],
    "without an end": FILES[0][:-2],
    "progressive": jpeg(progressive=True),
    "restarts": jpeg(restart_marker_rows=1),
    "a stray marker": FILES[0][:-1000] + b"\xff\xe0" + FILES[0][-998:],
    "two images": FILES[0] * 2,
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_other_files_are_decoded_as_a_whole(content: bytes) -> None:
    assert decode_part(content, 0, 0, 8, 8) is None


def test_a_damaged_part_is_as_pillow_takes_it() -> None:
    rng, taken, refused = random.Random(0), 0, 0
    for _ in range(300):
        content = bytearray(FILES[rng.randrange(len(FILES))])
        scan = content.index(b"\xff\xda")
        for _ in range(rng.choice([1, 3, 20])):
            content[rng.randrange(scan + 14, len(content) - 2)] = rng.choice([0xFF, 0, rng.randrange(256)])
        part = decode_part(bytes(content), HEIGHT // 2, 40, 16, 16)
        if part is None:
            refused += 1
        else:
            taken += 1
            assert np.array_equal(part, pixels_of(bytes(content))[HEIGHT // 2 :, 40:][:16, :16])
    assert min(taken, refused) > 50


def test_a_file_that_is_cut_off_below_is_still_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES[0][: len(FILES[0]) // 2])
    with pytest.raises(UnreadableImageError, match="truncated"):
        decode_window(str(path), 3, lambda *_: Window(0, 0, 8, 8, (8, 8)))


class OldCodec:
    __version__ = "0.8.1"


@pytest.mark.parametrize("outcome", [ImportError("no libfoo.so"), PermissionError("no links"), OldCodec])
def test_so_are_all_where_the_decoder_cannot_be_had(outcome: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: str) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(jpeg_part, "import_module", load)
    jpeg_part._load_codec.cache_clear()
    try:
        assert decode_part(FILES[0], 0, 0, 8, 8) is None
    finally:
        jpeg_part._load_codec.cache_clear()


def test_each_thread_has_its_own_memory() -> None:
    first = decode_part(FILES[0], 0, 0, 40, 40, into_scratch=True)
    assert first is not None
    before = first.copy()
    other = threading.Thread(target=decode_part, args=(FILES[2], 0, 0, 40, 40), kwargs={"into_scratch": True})
    other.start()
    other.join()
    assert np.array_equal(first, before)


SCRIPT = """
import os, sys
import numpy as np
from litclassify.data.decoding.plain_jpeg import PlainJpeg
jpeg, variables = PlainJpeg.read(sys.argv[1]), dict(os.environ)
part = jpeg.decode_part(0, 0, 40, 40, into_scratch=True)
assert part is not None
assert dict(os.environ) == variables
pid = os.fork()
again = jpeg.decode_part(0, 0, 40, 40, into_scratch=True)
equal = np.array_equal(part, again)
if pid == 0:
    os._exit(0 if equal else 1)
assert equal and os.waitpid(pid, 0)[1] == 0
"""


@pytest.mark.slow
def test_it_is_loaded_without_a_word_and_works_in_a_forked_process(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES[0])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
