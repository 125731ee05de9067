"""Which layer explains a prediction."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import SwinTransformer, VisionTransformer

from litclassify.errors import UserError
from litclassify.explanation import find_feature_layer
from litclassify.explanation.feature_map import as_map
from litclassify.networks import MLP, Airbench, LeNet, ResNet9

VIT = {"embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 3}

EXPECTED: list[tuple[str, int, Callable[[], nn.Module]]] = [
    ("features", 32, lambda: ResNet9(3, width=4)),
    ("norm2", 32, lambda: LeNet(3, in_channels=3)),
    ("blocks", 32, lambda: Airbench(3)),
    ("layer4", 64, lambda: models.resnet18(num_classes=3)),
    # At this size the last stage gives one position.
    ("layer3", 32, lambda: models.resnet18(num_classes=3)),
    # The pooling behind it repeats its positions.
    ("0", 16, lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(392, 3))),
    ("encoder.layers.encoder_layer_1.ln_1", 32, lambda: VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3)),
    ("permute", 32, lambda: SwinTransformer([2, 2], 8, [2, 2], [1, 2], [4, 4], num_classes=3)),
    # As many tokens as there are values in a head: not to be taken for a map of its queries or keys.
    ("blocks.1.norm1", 32, lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, **VIT)),
    (
        "blocks.1.norm1",
        16,
        lambda: timm.create_model("vit_tiny_patch16_224", img_size=16, patch_size=4, qk_norm=True, **VIT),
    ),
    (
        "norm",
        32,
        lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, class_token=False, global_pool="avg", **VIT),
    ),
    (
        "norm",
        32,
        lambda: timm.create_model(
            "swin_tiny_patch4_window7_224",
            img_size=32,
            window_size=4,
            embed_dim=8,
            depths=(2, 2),
            num_heads=(1, 2),
            num_classes=3,
        ),
    ),
]


@pytest.mark.parametrize(("layer", "size", "make"), EXPECTED)
@pytest.mark.parametrize("count", [1, 3])
def test_it_is_the_last_that_keeps_positions_apart(
    layer: str, size: int, make: Callable[[], nn.Module], count: int
) -> None:
    torch.manual_seed(0)
    network = make()
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.1)
    assert find_feature_layer(network, torch.rand(count, 3, size, size)) == layer
    assert not any(module._forward_hooks for module in network.modules())


def test_a_head_of_zeros_leaves_the_last_map() -> None:
    network = ResNet9(3, width=4)
    nn.init.zeros_(network.head.weight)
    assert find_feature_layer(network, torch.rand(2, 3, 32, 32)) == "features"


class Plain(nn.Module):
    """Keeps nothing apart by a layer of its own."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))


@pytest.mark.parametrize("network", [MLP(3, in_features=192), Plain()])
def test_some_networks_have_none(network: nn.Module) -> None:
    with pytest.raises(UserError, match="The network has no map of features that could explain"):
        find_feature_layer(network, torch.rand(2, 3, 8, 8))
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("shape", "image", "expected"),
    [
        ((2, 16, 4, 4), (32, 32), (2, 16, 4, 4)),
        ((2, 4, 4, 16), (32, 32), (2, 16, 4, 4)),
        ((2, 4, 6, 24), (32, 48), (2, 24, 4, 6)),
        ((2, 8, 4, 4), (32, 32), (2, 8, 4, 4)),
        ((2, 197, 8), (224, 224), (2, 8, 14, 14)),
        ((2, 198, 8), (224, 224), (2, 8, 14, 14)),
        ((2, 24, 8), (64, 96), (2, 8, 4, 6)),
        ((2, 25, 8), (64, 96), (2, 8, 4, 6)),
        ((2, 500, 8), (31, 37), None),
        ((2, 8), (32, 32), None),
    ],
)
def test_maps_are_told_by_the_proportions_of_the_image(
    shape: tuple[int, ...], image: tuple[int, int], expected: tuple[int, ...] | None
) -> None:
    found = as_map(torch.rand(shape), *image)
    assert (None if found is None else tuple(found.shape)) == expected


def test_tokens_lie_row_by_row_behind_that_of_the_class() -> None:
    tokens = torch.arange(-1, 6).view(1, 7, 1)
    found = as_map(tokens, 4, 6)
    assert found is not None
    assert found[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
