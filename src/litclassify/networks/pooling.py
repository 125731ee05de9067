"""Poolings whose gradients are right wherever they are computed."""

from torch import Tensor
from torch.nn.functional import max_pool2d


def max_pool_to_grid(features: Tensor, grid: int) -> Tensor:
    """Pool features (N, C, H, W), H and W at least `grid`, to (N, C, grid, grid).

    Every window has the same size, unlike those of `AdaptiveMaxPool2d`, which has no deterministic gradient
    on CUDA (`torch.use_deterministic_algorithms`). Where `grid` divides H and W the two are equal.
    """
    height, width = features.shape[-2:]
    stride = (height // grid, width // grid)
    kernel_size = (height - (grid - 1) * stride[0], width - (grid - 1) * stride[1])
    return max_pool2d(features, kernel_size, stride)


def global_max_pool(features: Tensor) -> Tensor:
    """Give the maximum of each channel, (N, C), for features (N, C, H, W).

    `amax` has no gradient that is a number in compiled networks under bfloat16, where the features that it is compared
    with are rounded in another way: https://github.com/pytorch/pytorch/issues/186799
    """
    return max_pool_to_grid(features, 1).flatten(1)
