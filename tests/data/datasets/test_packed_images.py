import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from litclassify.data.datasets.packed_images import PackedImages, PackedImagesFile, pack_images

DIGEST = bytes(range(32))
PATHS = ["a", "b", "c"]


def images(num_channels: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(3, 5), (1, 1), (7, 2)]
    return [torch.randint(0, 256, (num_channels, *size), dtype=torch.uint8, generator=generator) for size in sizes]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with open(tmp_path / "rgb.images", "wb") as output:
        pack_images(output, DIGEST, images(3), 3)
    return tmp_path / "rgb.images"


@pytest.mark.parametrize("num_channels", [1, 3])
def test_images_of_any_size_come_back(num_channels):
    memory = io.BytesIO()
    pack_images(memory, DIGEST, images(num_channels), 3)
    packed = PackedImages(np.frombuffer(memory.getbuffer(), dtype=np.uint8), PATHS, num_channels)
    for path, image in zip(PATHS, images(num_channels), strict=True):
        assert torch.equal(packed[path], image)


def test_image_is_the_callers_to_change(file):
    packed = PackedImagesFile(str(file), DIGEST, PATHS, 3)
    packed["a"].zero_()
    assert torch.equal(packed["a"], images(3)[0])


def test_file_is_mapped_anew_in_another_process(file):
    message = pickle.dumps(PackedImagesFile(str(file), DIGEST, PATHS, 3))
    assert file.read_bytes()[-20:] not in message
    assert torch.equal(pickle.loads(message)["c"], images(3)[2])


@pytest.mark.parametrize("keep", [0, 10, 50, 110, -1])
def test_damaged_file_is_refused(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged|too short"):
        PackedImagesFile(str(file), DIGEST, PATHS, 3)


def test_file_of_other_images_is_refused(file):
    with pytest.raises(ValueError, match="holds other images"):
        PackedImagesFile(str(file), bytes(32), PATHS, 3)
