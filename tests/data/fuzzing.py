"""Image files with random damage: bits, bytes, numbers and whole stretches of real files are changed."""

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

# Numbers at which sizes and offsets go wrong.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
KINDS: list[tuple[str, str, dict[str, object]]] = [
    ("JPEG", "RGB", {}),
    (
        "JPEG",
        "RGB",
        {
            "progressive": True,
            "subsampling": 2,
            "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0",
        },
    ),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "I;16", {}),
    ("PNG", "RGBA", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("GIF", "P", {"save_all": True}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "CMYK", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("PPM", "RGB", {}),
]


def real_files() -> list[bytes]:
    """One file of each kind, of 24x20 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    files = []
    for kind, mode, options in KINDS:
        image = Image.fromarray(noise)
        image = image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
        frames = {"append_images": [image.rotate(90), image.rotate(180)]} if "save_all" in options else {}
        buffer = io.BytesIO()
        image.save(buffer, kind, **options, **frames)
        files.append(buffer.getvalue())
    return files


def damaged_files(count: int, seed: int) -> Iterator[bytes]:
    """Give that many files, each with 1 to 8 changes, most of them near the start, where sizes and tables are."""
    rng, files = random.Random(seed), real_files()
    for i in range(count):
        content = bytearray(files[i % len(files)])
        for _ in range(rng.choice([1, 1, 1, 2, 4, 8])):
            change(content, rng)
        yield bytes(content)


def change(content: bytearray, rng: random.Random) -> None:
    if not content:
        return
    at = rng.randrange(min(len(content), 100) if rng.random() < 0.6 else len(content))
    match rng.choices(range(6), weights=[6, 6, 4, 1, 1, 1])[0]:
        case 0:
            content[at] ^= 1 << rng.randrange(8)
        case 1:
            content[at] = rng.randrange(256)
        case 2:
            size = rng.choice([1, 2, 4])
            number = rng.choice(EXTREMES) & (256**size - 1)
            content[at : at + size] = number.to_bytes(size, rng.choice(["big", "little"]))
        case 3:
            del content[at : at + rng.randrange(1, 40)]
        case 4:
            start = rng.randrange(len(content))
            content[at:at] = content[start : start + rng.randrange(1, 200)]
        case 5:
            del content[at if rng.random() < 0.3 else rng.randrange(len(content)) :]
