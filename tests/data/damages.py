"""Ways in which image files go bad; of each, `decode_image` says that the file cannot be read as an image."""

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Damage = Callable[[Path], None]


def _as(path: Path, kind: str) -> bytes:
    """The content of an image in another format."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def only_the_start(path: Path) -> None:
    path.write_bytes(_as(path, "JPEG")[:20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("This is not an image.\n" * 20)


def web_page(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>")


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(1000))


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def wrong_checksum(path: Path) -> None:
    png = bytearray(_as(path, "PNG"))
    png[29] ^= 1  # In the checksum of the header.
    path.write_bytes(png)


def truncated_png(path: Path) -> None:
    png = _as(path, "PNG")
    path.write_bytes(png[: len(png) // 2])


def png_bomb(path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b""))


def jpeg_bomb(path: Path) -> None:
    jpeg = bytearray(_as(path, "JPEG"))
    start_of_frame = jpeg.index(b"\xff\xc0")
    jpeg[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", 60_000, 60_000)
    path.write_bytes(jpeg)


def gif_bomb(path: Path) -> None:
    gif = bytearray(_as(path, "GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    path.write_bytes(gif)


def bmp_bomb(path: Path) -> None:
    bmp = bytearray(_as(path, "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(bmp)


def tiff_bomb(path: Path) -> None:
    tiff = bytearray(_as(path, "TIFF"))
    entries = int.from_bytes(tiff[4:8], "little") + 2
    for i in range(2):  # The directory begins with width and height.
        entry = entries + 12 * i
        assert struct.unpack_from("<H", tiff, entry) == (256 + i,)
        struct.pack_into("<HHII", tiff, entry, 256 + i, 4, 1, 60_000)
    path.write_bytes(tiff)


def webp_bomb(path: Path) -> None:
    webp = bytearray(_as(path, "WEBP"))
    frame = webp.index(b"\x9d\x01\x2a") + 3
    webp[frame : frame + 4] = struct.pack("<HH", 16_383, 16_383)
    path.write_bytes(webp)


def program(path: Path) -> None:
    """Pillow would start Ghostscript for it."""
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nothing.jpg")


def named_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: list[Damage] = [
    *(truncated, only_the_start, empty, text, web_page, random_bytes, zeros, wrong_checksum, truncated_png),
    *(png_bomb, jpeg_bomb, gif_bomb, bmp_bomb, tiff_bomb, webp_bomb, program),
    *(link_to_itself, link_to_nothing, named_pipe),
]
