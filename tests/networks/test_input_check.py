from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torchvision import models

from litclassify.errors import UserError
from litclassify.networks import MLP, LeNet, ResNet9, TorchvisionNetwork, check_input


class Failing(nn.Module):
    """Raises in forward what it was given, or returns it."""

    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, _):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Stateful(nn.Module):
    """Counts calls and draws random numbers even in evaluation."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))
        self.frozen, self.linear = nn.Dropout().eval(), nn.Linear(4, 3)

    def forward(self, images):
        self.calls += 1
        return self.linear(images.flatten(1) + torch.rand(1))


@pytest.mark.parametrize(
    ("network", "image_shape"),
    [
        (MLP(10, in_features=192), (3, 8, 8)),
        (LeNet(10), (1, 28, 28)),
        (ResNet9(10, width=4), (3, 32, 32)),
        (TorchvisionNetwork(10, "squeezenet1_1", in_channels=1), (1, 28, 28)),
        (nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(10)), (2, 8, 8)),
        (Failing(torch.zeros(2, 10)), (1, 8, 8)),
    ],
    ids=["MLP", "LeNet", "ResNet9", "TorchvisionNetwork", "lazy", "no_layers"],
)
def test_images_that_fit_pass(network, image_shape):
    check_input(network, image_shape, num_classes=10)


@pytest.mark.parametrize(
    ("network", "image_shape", "message"),
    [
        (
            LeNet(10),
            (3, 32, 32),
            "model.network takes 1-channel images, the data gives 3 channels (3x32x32): "
            "set model.network.in_channels to 3.",
        ),
        (
            ResNet9(10, width=4),
            (1, 4, 4),
            "model.network takes 3-channel images, the data gives 1 channel (1x4x4): "
            "set model.network.in_channels to 1.",
        ),
        (
            MLP(10),
            (3, 32, 32),
            "model.network takes 784 values per image, the data gives 3072 (3x32x32): "
            "set model.network.in_features to 3072.",
        ),
        (
            models.squeezenet1_1(num_classes=10),
            (1, 28, 28),
            "model.network (SqueezeNet, layer 'features.0') takes 3-channel images, the data gives 1 channel "
            "(1x28x28), and the network has no argument in_channels: choose one that has, such as "
            "TorchvisionNetwork.",
        ),
        (
            models.inception_v3(num_classes=10, init_weights=False, transform_input=True),
            (1, 80, 80),
            "model.network (Inception3, layer 'Conv2d_1a_3x3.conv') takes 3-channel images, the data gives 1 "
            "channel (1x80x80), and the network has no argument in_channels: choose one that has, such as "
            "TorchvisionNetwork.",
        ),
    ],
    ids=["LeNet", "ResNet9", "MLP", "function", "fails_before_the_first_layer"],
)
def test_wrong_channels_or_features_name_both_numbers_and_the_key(network, image_shape, message):
    with pytest.raises(UserError) as caught:
        check_input(network, image_shape, num_classes=10)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("network", "size", "reason"),
    [
        (ResNet9(10, width=4), 4, "Output size is too small"),
        (LeNet(10), 6, "stride should not be zero"),
        (TorchvisionNetwork(10, "squeezenet1_1"), 8, "Output size is too small"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10)),
            9,
            "shapes cannot be multiplied",
        ),
        (
            Failing(AssertionError("Wrong image height! Expected 224 but got 32!")),
            32,
            "Expected 224 but got 32",
        ),
    ],
    ids=["ResNet9", "LeNet", "SqueezeNet", "later_layer", "assertion"],
)
def test_images_of_a_wrong_size_give_the_shape_the_reason_and_the_key(network, size, reason):
    channels = 1 if isinstance(network, LeNet) else 3
    with pytest.raises(UserError, match=rf"{channels}x{size}x{size} images.*{reason}.*data\.image_size"):
        check_input(network, (channels, size, size), num_classes=10)


@pytest.mark.parametrize(
    ("result", "given"),
    [
        (torch.zeros(2, 10, 1), r"shape \(2, 10, 1\)"),
        (torch.zeros(2, 1000), r"shape \(2, 1000\)"),
        ({"logits": torch.zeros(2, 10)}, "a dict"),
    ],
)
def test_an_output_other_than_logits_is_reported(result, given):
    with pytest.raises(UserError, match=rf"{given} for two images, .* \(2, 10\)"):
        check_input(Failing(result), (1, 8, 8), num_classes=10)


@pytest.mark.parametrize(
    "error",
    [
        NameError("name 'size' is not defined"),
        RuntimeError("Expected all tensors to be on the same device"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB; try setting max_split_size_mb."),
        UserError("network.width must be a size"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_about_something_else_pass_untouched(error):
    with pytest.raises(type(error)) as caught:
        check_input(Failing(error), (1, 8, 8), num_classes=10)
    assert caught.value is error


@pytest.mark.parametrize(
    ("image_shape", "outcome"),
    [((1, 2, 2), nullcontext()), ((1, 9, 9), pytest.raises(UserError))],
    ids=["fits", "does_not_fit"],
)
def test_the_network_and_the_random_state_are_left_as_they_were(image_shape, outcome):
    network, random_state = Stateful(), torch.get_rng_state()
    with outcome:
        check_input(network, image_shape, num_classes=3)
    assert network.calls == 0
    assert torch.equal(torch.get_rng_state(), random_state)
    assert network.training
    assert not network.frozen.training
    assert not network.linear._forward_pre_hooks
