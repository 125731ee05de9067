"""Parts of JPEG files, by a decoder that leaves out what lies below, and most of the work on what lies beside.

The decoder is optional, and is libjpeg-turbo as well: pixels are the same.
"""

import os
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

CODEC = "nvidia.nvimgcodec"
END = b"\xff\xd9"
# As Pillow and simplejpeg decode.
EXACT = ":fancy_upsampling=1 :fast_idct=0"


def decode_part(
    content: bytes, top: int, left: int, height: int, width: int, *, into_scratch: bool
) -> npt.NDArray[np.uint8] | None:
    """Decode a part of a JPEG in colour, which lies within it.

    Args:
        content: The file.
        top: The first row.
        left: The first column.
        height: In pixels.
        width: In pixels.
        into_scratch: Use memory of the thread that the next call overwrites.

    Returns:
        Pixels (`height`, `width`, 3); None if there is no decoder, the part is a single column, or the file is cut off.
        Other damage counts where the part is alone, and as for Pillow, which takes pixels that it cannot know for gray.
    """
    codec = load_codec()
    if codec is None or not content.endswith(END) or width == 1:  # A single column may get other colours.
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


class _OfThread(threading.local):
    """The decoder of a thread, and the image whose memory it uses again."""

    decoder: Any = None
    image: Any = None


_of_thread = _OfThread()


def _forget() -> None:
    """Leave the decoder to the process that made it: its threads are there."""
    global _of_thread  # noqa: PLW0603
    _of_thread = _OfThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _decoder(codec: Any) -> Any:
    if _of_thread.decoder is None:
        backends = [codec.Backend(codec.BackendKind.CPU_ONLY)]
        _of_thread.decoder = codec.Decoder(codec.NVIMGCODEC_DEVICE_CPU_ONLY, 1, backends, EXACT)
    return _of_thread.decoder


@cache
def load_codec() -> Any:
    """Give nvImageCodec with libjpeg-turbo alone; None where it is not installed."""
    spec = find_spec(CODEC) if find_spec(CODEC.partition(".")[0]) is not None else None
    if spec is None or spec.origin is None or os.name != "posix":
        return None
    # Its other extensions print that they miss the libraries of a GPU.
    with tempfile.TemporaryDirectory() as folder:
        for extension in Path(spec.origin).parent.glob("extensions/libjpeg_turbo_ext*"):
            Path(folder, extension.name).symlink_to(extension)
        with _environment(NVIMGCODEC_EXTENSIONS_PATH=folder, PYNVIMGCODEC_VERBOSITY="0"):
            return import_module(CODEC)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
