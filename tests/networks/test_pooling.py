import copy

import pytest
import torch
from torch import nn

from litclassify.networks import Airbench, ResNet9
from litclassify.networks.pooling import global_max_pool, max_pool_to_grid


@pytest.mark.parametrize("size", [4, 8, 16, 56])
def test_pooling_to_a_grid_is_adaptive_pooling_where_the_grid_divides_the_size(size):
    features = torch.rand(2, 3, size, size)
    assert torch.equal(max_pool_to_grid(features, 4), nn.AdaptiveMaxPool2d(4)(features))


@pytest.mark.parametrize(("height", "width"), [(4, 5), (14, 14), (7, 23)])
def test_pooling_to_a_grid_leaves_no_pixel_out(height, width):
    features = torch.zeros(height * width, 1, height, width)
    features.view(height * width, -1).fill_diagonal_(1)
    pooled = max_pool_to_grid(features, 4)
    assert pooled.shape[-2:] == (4, 4)
    assert pooled.amax(dim=(1, 2, 3)).min() == 1


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_global_maximum_is_that_of_each_channel(layout: torch.memory_format) -> None:
    features = torch.rand(2, 3, 5, 7).to(memory_format=layout).requires_grad_()
    pooled = global_max_pool(features)
    assert torch.equal(pooled, features.amax(dim=(2, 3)))
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert torch.equal(gradient, (features == pooled[:, :, None, None]).float())


@pytest.mark.slow
@pytest.mark.parametrize("network", [ResNet9(10, width=8), Airbench(10, widths=(8, 8, 8))])
def test_compiled_networks_have_their_gradients_in_bfloat16(network: nn.Module) -> None:
    images, targets = torch.rand(32, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 10
    compiled = copy.deepcopy(network)
    compiled.compile()
    for trained in (network, compiled):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            nn.functional.cross_entropy(trained(images), targets).backward()
    for (name, ours), theirs in zip(network.named_parameters(), compiled.parameters(), strict=True):
        if ours.dim() > 1:  # What norms and biases get is small, and rounded.
            assert (ours.grad - theirs.grad).norm() < 0.5 * ours.grad.norm(), name
