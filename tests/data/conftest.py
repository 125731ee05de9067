from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

MakeImage = Callable[..., str]


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Write an image of one colour below tmp_path and return its path."""

    def make(name: str, mode: str = "RGB", size: tuple[int, int] = (12, 10), color: object = 0) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, color).save(path)
        return str(path)

    return make


@pytest.fixture
def make_folder(make_image: MakeImage, tmp_path: Path) -> Callable[[dict[str, int]], str]:
    """Write so many images of random-looking grays into each folder named, and return the root."""

    def make(counts: dict[str, int]) -> str:
        for folder, count in counts.items():
            for i in range(count):
                make_image(f"root/{folder}/{i}.png", color=(20 * i % 256, 7 * i % 256, i % 256))
        return str(tmp_path / "root")

    return make
