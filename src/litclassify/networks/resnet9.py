"""ResNet-9: a small residual network that learns CIFAR-10 fast and well."""

from typing import ClassVar

from torch import Tensor, nn

from litclassify.networks.factory import Network
from litclassify.networks.pooling import global_max_pool

# The logits of a fresh network are too large for its cross-entropy to learn at a high rate: the DAWNBench
# entry multiplies them by 1/8.
LOGIT_SCALE = 0.125


class ResNet9(Network):
    """A ResNet of nine layers for images of about 32x32, from 8x8.

    A convolution, then three stages that each double the channels and halve the image, the first and the
    third with a residual block of two convolutions, then a global max pooling and one linear layer.

    Source: David Page, "How to Train Your ResNet", https://myrtle.ai/learn/how-to-train-your-resnet/, the
    network of the winning CIFAR-10 entry of DAWNBench (94% test accuracy) in 2018.

    Args:
        num_classes: Number of outputs.
        in_channels: Channels of an image: 1 for gray, 3 for colour.
        width: Channels of the first convolution; the stages have 2, 4 and 8 times as many. 64 gives 6.6
            million parameters; half the width has a quarter of them and about a quarter of the cost.
    """

    for_small_images: ClassVar[bool] = True

    def __init__(self, num_classes: int, in_channels: int = 3, width: int = 64) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv_block(in_channels, width),
            _conv_block(width, 2 * width),
            nn.MaxPool2d(2),
            _Residual(2 * width),
            _conv_block(2 * width, 4 * width),
            nn.MaxPool2d(2),
            _conv_block(4 * width, 8 * width),
            nn.MaxPool2d(2),
            _Residual(8 * width),
        )
        self.head = nn.Linear(8 * width, num_classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W), H and W at least 8, to logits (N, num_classes)."""
        features: Tensor = self.features(images)
        logits: Tensor = self.head(global_max_pool(features))
        return logits * LOGIT_SCALE


class _Residual(nn.Module):
    """Two convolutions, (N, C, H, W) to (N, C, H, W), added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(_conv_block(channels, channels), _conv_block(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = features + self.block(features)
        return added


def _conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3x3 convolution that keeps height and width, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
