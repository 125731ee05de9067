"""Airbench: the convolutional network of the CIFAR-10 speed records."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from litclassify.networks.factory import Network
from litclassify.networks.pooling import global_max_pool

PATCH = 2
LOGIT_SCALE = 1 / 9
# Few steps in a run: running statistics have to follow fast.
BATCH_NORM_MOMENTUM = 0.4


class Airbench(Network):
    """A network of seven convolutions that learns images of 32x32 in ten epochs and less.

    A layer of 2x2 filters, which `PatchWhitening` sets and keeps, three blocks of two 3x3 convolutions, each of which
    halves the image, a global max pooling and one linear layer. The first filters of each convolution start as the
    identity. 64, 256 and 256 channels give 2.0 million parameters.

    Source: Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", https://arxiv.org/abs/2404.00498,
    section 3.

    Args:
        num_classes: Number of outputs.
        in_channels: Channels of an image: 1 for gray, 3 for colour.
        widths: Channels of the three blocks.
    """

    for_small_images: ClassVar[bool] = True

    def __init__(self, num_classes: int, in_channels: int = 3, widths: tuple[int, int, int] = (64, 256, 256)) -> None:
        super().__init__()
        whitened = 2 * in_channels * PATCH**2
        self.whitening = nn.Conv2d(in_channels, whitened, PATCH)
        channels = (whitened, *widths)
        blocks = [_block(*pair) for pair in zip(channels, widths, strict=False)]
        self.blocks = nn.Sequential(nn.GELU(), *blocks)
        self.head = nn.Linear(widths[-1], num_classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W), H and W at least 9, to logits (N, num_classes)."""
        features: Tensor = self.blocks(self.whitening(images))
        logits: Tensor = self.head(global_max_pool(features))
        return logits * LOGIT_SCALE


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two convolutions, (N, in_channels, H, W) to (N, out_channels, H // 2, W // 2)."""
    return nn.Sequential(
        _convolution(in_channels, out_channels),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(out_channels, momentum=BATCH_NORM_MOMENTUM),
        nn.GELU(),
        _convolution(out_channels, out_channels),
        nn.BatchNorm2d(out_channels, momentum=BATCH_NORM_MOMENTUM),
        nn.GELU(),
    )


def _convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding="same", bias=False)
    with torch.no_grad():
        nn.init.dirac_(convolution.weight[: min(in_channels, out_channels)])
    return convolution
