"""Parts of JPEG files, by a decoder that leaves out what lies below, and most of the work on what lies beside.

The decoder is optional, and is libjpeg-turbo as well: pixels are the same.
"""

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from packaging.version import Version

CODEC = "nvidia.nvimgcodec"
OLDEST = Version("0.9")
# As Pillow and simplejpeg decode.
EXACT = ":fancy_upsampling=1 :fast_idct=0"
END = b"\xff\xd9"
MARKER = re.compile(rb"\xff[^\x00]")


def decode_part(
    content: bytes, scan: int, top: int, left: int, height: int, width: int, *, into_scratch: bool
) -> npt.NDArray[np.uint8] | None:
    """Decode a part of a JPEG in colour, which lies within it.

    Args:
        content: The file.
        scan: Where its first scan starts.
        top: The first row.
        left: The first column.
        height: In pixels.
        width: In pixels.
        into_scratch: Use memory of the thread that the next call overwrites.

    Returns:
        Pixels (`height`, `width`, 3); None if there is no decoder, the part is a single column, or the file has more
        than one scan, intervals to restart at, or is cut off. Other damage is as Pillow takes it.
    """
    codec = load_codec()
    if codec is None or width == 1 or not _is_one_scan(content, scan):  # A single column may get other colours.
        return None
    region = codec.Region(top, left, top + height, left + width)
    stream = codec.CodeStream(content).get_sub_code_stream(region=region)
    image = _decoder(codec).decode(stream, image=_of_thread.image if into_scratch else None)
    if image is None:
        return None
    if into_scratch:
        _of_thread.image = image
    pixels: npt.NDArray[np.uint8] = np.asarray(image)
    return pixels if pixels.shape == (height, width, 3) and pixels.dtype == np.uint8 else None


def _is_one_scan(content: bytes, start: int) -> bool:
    """Say whether the only marker is that of the end: damage that stops Pillow makes others, maybe below a part."""
    return content.endswith(END) and MARKER.search(content, start + 2, len(content) - len(END) + 1) is None


class _OfThread(threading.local):
    """The decoder of a thread, and the image whose memory it uses again."""

    decoder: Any = None
    image: Any = None


_of_thread = _OfThread()
_loading = threading.Lock()


def _decoder(codec: Any) -> Any:
    if _of_thread.decoder is None:
        backends = [codec.Backend(codec.BackendKind.CPU_ONLY)]
        _of_thread.decoder = codec.Decoder(codec.NVIMGCODEC_DEVICE_CPU_ONLY, 1, backends, EXACT)
    return _of_thread.decoder


def load_codec() -> Any:
    """Give nvImageCodec with libjpeg-turbo alone; None where it is not installed, too old or cannot be loaded."""
    with _loading:
        return _load_codec()


@cache
def _load_codec() -> Any:
    spec = find_spec(CODEC) if find_spec(CODEC.partition(".")[0]) is not None else None
    if spec is None or spec.origin is None:
        return None
    try:
        # Its other extensions print that they miss the libraries of a GPU.
        with tempfile.TemporaryDirectory() as folder:
            for extension in Path(spec.origin).parent.glob("extensions/libjpeg_turbo_ext*"):
                Path(folder, extension.name).symlink_to(extension)
            with _environment(NVIMGCODEC_EXTENSIONS_PATH=folder, PYNVIMGCODEC_VERBOSITY="0"):
                codec = import_module(CODEC)
    except (ImportError, OSError):
        return None
    return codec if Version(codec.__version__) >= OLDEST else None


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
