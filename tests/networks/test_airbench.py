import pytest
import torch
from torch import nn

from litclassify.networks import Airbench


@pytest.mark.parametrize("shape", [(1, 9, 9), (1, 28, 28), (3, 32, 32), (3, 40, 64)])
def test_any_image_from_9x9_gives_logits(shape: tuple[int, int, int]) -> None:
    network = Airbench(10, in_channels=shape[0], widths=(8, 8, 8))
    assert network(torch.rand(2, *shape)).shape == (2, 10)


def test_default_widths_have_the_parameters_of_the_original() -> None:
    # Source: table 5 of https://arxiv.org/abs/2404.00498 (24 whitening filters of 2x2, then 64, 256 and 256 channels).
    channels = [(24, 64), (64, 64), (64, 256), (256, 256), (256, 256), (256, 256)]
    expected = 24 * 12 + 24 + sum(9 * a * b + 2 * b for a, b in channels) + 256 * 10
    assert sum(p.numel() for p in Airbench(10).parameters()) == expected


def test_convolutions_start_as_the_identity() -> None:
    convolution = Airbench(10, widths=(8, 16, 16)).blocks[2][0]
    assert isinstance(convolution, nn.Conv2d)
    features = torch.rand(1, 8, 6, 6)
    torch.testing.assert_close(convolution(features)[:, :8], features)


def test_one_batch_is_learnt_by_heart() -> None:
    torch.manual_seed(0)
    images, targets = torch.rand(16, 3, 16, 16), torch.arange(16) % 4
    network = Airbench(4, widths=(8, 16, 16))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(100):
        loss = nn.functional.cross_entropy(network(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
