from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from tests.audit.planting import Planted, Planter

# Cut, and as they are stored.
TILE, SIDE = 48, 32


def detail(tile: np.ndarray) -> float:
    return float(np.abs(np.diff(tile.astype(float), axis=0)).mean())


def cut_photographs(root: Path, train: int, test: int) -> Path:
    """Cut two photographs, each of which is a class, into images."""
    for name, photograph in zip(("china", "flower"), load_sample_images().images, strict=True):
        rows, columns = photograph.shape[0] // TILE, photograph.shape[1] // TILE
        tiles = photograph[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2)
        # The most detailed ones: sky and blurred background have no picture to tell apart.
        tiles = sorted(tiles.reshape(-1, TILE, TILE, 3), key=detail, reverse=True)[: train + test]
        for number, tile in enumerate(tiles):
            folder = root / ("test" if number % 4 == 0 and number < 4 * test else "train") / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(tile).resize((SIDE, SIDE)).save(folder / f"{number:03}.jpg", quality=92)
    return root


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    """Photographs in pieces with a fault of every kind."""
    root = cut_photographs(tmp_path_factory.mktemp("planted"), train=42, test=10)
    return root, Planter(root).plant_all()
