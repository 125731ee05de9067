from types import SimpleNamespace
from typing import Any

import pytest
from tests.conftest import SMALL
from torch import nn

from litclassify.callbacks import ImageSizeCheck
from litclassify.cli import main
from litclassify.networks import MLP, Airbench, LeNet, ResNet9

SMALL_IMAGES = [LeNet, ResNet9, Airbench]


def check(network: nn.Module, shape: tuple[int, int, int] | None, stage: str = "fit") -> None:
    data = SimpleNamespace() if shape is None else SimpleNamespace(image_shape=shape)
    module: Any = SimpleNamespace(network=network)
    ImageSizeCheck().setup(SimpleNamespace(datamodule=data), module, stage)  # type: ignore[arg-type]


@pytest.mark.parametrize("network", SMALL_IMAGES)
@pytest.mark.parametrize("size", [(224, 224), (97, 32)])
def test_large_images_are_warned_of_in_a_line(network: type[nn.Module], size: tuple[int, int]) -> None:
    with pytest.warns(UserWarning, match=rf"^model\.network {network.__name__} .* --data\.image_size 96[^\n]*$"):
        check(network(num_classes=2), (3, *size))


@pytest.mark.parametrize(
    ("network", "shape", "stage"),
    [
        (ResNet9(2), (3, 96, 96), "fit"),
        (ResNet9(2), (3, 224, 224), "test"),
        (ResNet9(2), None, "fit"),
        (MLP(2, in_features=4), (3, 224, 224), "fit"),
        (nn.Linear(1, 1), (3, 224, 224), "fit"),
    ],
)
def test_all_else_is_left_alone(network: nn.Module, shape: tuple[int, int, int] | None, stage: str) -> None:
    check(network, shape, stage)


def test_fit_warns_before_it_trains() -> None:
    words = ["--data.image_size", "104", "--model.network", "LeNet", "--trainer.max_epochs", "1"]
    with pytest.raises(UserWarning, match=r"gets 104x104, which takes 11 times the memory"):
        main(["fit", *SMALL, *words])
