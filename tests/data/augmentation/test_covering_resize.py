import pytest
import torch
from PIL import Image, ImageOps
from torchvision.transforms import v2

from litclassify.data.augmentation.batch_transforms import vectorize
from litclassify.data.augmentation.covering_resize import CoveringResize
from litclassify.data.decoding.first_transform import take_first


@pytest.mark.parametrize("shape", [(400, 100), (100, 400), (100, 100), (97, 31), (7, 3)])
def test_an_image_covers_the_size_as_with_pillow(shape: tuple[int, int]) -> None:
    height, width = shape
    resized = CoveringResize((80, 320))(torch.zeros(3, height, width, dtype=torch.uint8))
    reference = ImageOps.cover(Image.new("L", (width, height)), (320, 80))
    assert resized.shape[1:] == pytest.approx((reference.height, reference.width), abs=1)
    assert (resized.shape[1] == 80) + (resized.shape[2] == 320) >= 1
    assert resized.shape[1] >= 80
    assert resized.shape[2] >= 320


@pytest.mark.parametrize("shape", [(40, 60), (61, 40), (9, 9)])
def test_squares_are_covered_as_resize_does_it(shape: tuple[int, int]) -> None:
    image = torch.randint(256, (3, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(CoveringResize((24, 24))(image), v2.Resize(24)(image))


def test_decoding_and_batches_know_it() -> None:
    window, rest = take_first(v2.Compose([CoveringResize((8, 30))]))
    assert window is not None
    assert window(40, 100).size == (12, 30)
    assert rest is None
    assert vectorize(v2.Compose([CoveringResize((8, 30))])) is not None
