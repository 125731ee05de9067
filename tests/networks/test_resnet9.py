import pytest
import torch
from torch import nn

from litclassify.networks import ResNet9


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 40, 64)])
def test_any_image_from_8x8_gives_logits(shape):
    network = ResNet9(10, in_channels=shape[0], width=8)
    assert network(torch.rand(2, *shape)).shape == (2, 10)


def test_it_has_nine_layers_with_weights():
    layers = [m for m in ResNet9(10, width=4).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [layer.weight.shape[0] for layer in layers] == [4, 8, 8, 8, 16, 32, 32, 32, 10]


def test_default_width_has_the_parameters_of_the_original():
    # 6.57 million: eight 3x3 convolutions from 3 to 512 channels, their norms, and 512 x 10.
    channels = [(3, 64), (64, 128), (128, 128), (128, 128), (128, 256), (256, 512), (512, 512), (512, 512)]
    expected = sum(9 * a * b + 2 * b for a, b in channels) + 512 * 10
    assert sum(p.numel() for p in ResNet9(10).parameters()) == expected


def test_one_batch_is_learnt_by_heart():
    torch.manual_seed(0)
    images, targets = torch.rand(16, 3, 16, 16), torch.arange(16) % 4
    network = ResNet9(4, width=8)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(40):
        loss = nn.functional.cross_entropy(network(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
