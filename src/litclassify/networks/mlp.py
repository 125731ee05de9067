"""A multilayer perceptron: the smallest network that learns, and the baseline of the others."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from litclassify.networks.factory import Network


class MLP(Network):
    """Flattens images and sends them through fully connected layers with ReLU between them.

    Args:
        num_classes: Number of outputs.
        in_features: Values in one image: channels x height x width. 784 is one 28x28 gray image.
        hidden_features: Width of each hidden layer, first to last. An empty list gives softmax regression.
        dropout: Probability, in [0, 1], of zeroing each hidden value in training.
    """

    def __init__(
        self,
        num_classes: int,
        in_features: int = 784,
        hidden_features: Sequence[int] = (256,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in pairwise([in_features, *hidden_features]):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU(), nn.Dropout(dropout)]
        last_features = [in_features, *hidden_features][-1]
        self.layers = nn.Sequential(*layers, nn.Linear(last_features, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) with C * H * W = in_features to logits (N, num_classes)."""
        logits: Tensor = self.layers(images)
        return logits
