import io
import subprocess
import sys
import threading
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
from litclassify.data.decoding.jpeg_part import decode_part

pytest.importorskip("simplejpeg")
if jpeg_part.load_codec() is None:
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


FILES = [
    jpeg(),
    jpeg(subsampling=0),
    jpeg(subsampling=1, quality=30),
    jpeg(progressive=True),
    jpeg(restart_marker_rows=1),
]


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
        calls.append(arguments[1:])
        return decode_part(*arguments, **options)  # type: ignore[arg-type]

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


@pytest.mark.parametrize("kept", [slice(len(FILES[0]) // 2), slice(-2), slice(2, None)])
def test_damaged_files_are_left_to_the_others(kept: slice) -> None:
    assert decode_part(FILES[0][kept], 0, 0, 8, 8, into_scratch=False) is None


def test_parts_that_are_damaged_are_as_pillow_takes_them() -> None:
    half = FILES[0][: len(FILES[0]) // 2] + jpeg_part.END
    part = decode_part(half, HEIGHT - 8, 0, 8, 8, into_scratch=False)
    assert part is not None
    assert np.array_equal(part, pixels_of(half)[HEIGHT - 8 :, :8])


def test_a_file_that_is_cut_off_below_is_still_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES[0][: len(FILES[0]) // 2])
    with pytest.raises(UnreadableImageError, match="truncated"):
        decode_window(str(path), 3, lambda *_: Window(0, 0, 8, 8, (8, 8)))


def test_all_files_are_where_there_is_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_part, "load_codec", lambda: None)
    assert decode_part(FILES[0], 0, 0, 8, 8, into_scratch=False) is None


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
from pathlib import Path
import numpy as np
from litclassify.data.decoding.jpeg_part import decode_part
content, variables = Path(sys.argv[1]).read_bytes(), dict(os.environ)
part = decode_part(content, 0, 0, 40, 40, into_scratch=True)
assert dict(os.environ) == variables
pid = os.fork()
again = decode_part(content, 0, 0, 40, 40, into_scratch=True)
equal = np.array_equal(part, again)
if pid == 0:
    os._exit(0 if equal else 1)
assert equal and os.waitpid(pid, 0)[1] == 0
"""


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
