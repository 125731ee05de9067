"""Where a network sees a class: against signals planted there, against Captum, and without a trace."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD
from torchvision import models
from torchvision.models import SwinTransformer, VisionTransformer

from litclassify.errors import UserError
from litclassify.explanation import class_activation_map
from litclassify.models import ImageClassifier
from litclassify.networks import MLP, LeNet, ResNet9
from tests.explanation.planted import NUM_CLASSES, planted_images, share_on_patch, train

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "LeNet": lambda: LeNet(NUM_CLASSES, in_channels=3),
    "ResNet9": lambda: ResNet9(NUM_CLASSES, width=4),
    "resnet18": lambda: models.resnet18(num_classes=NUM_CLASSES),
    "ViT": lambda: VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=NUM_CLASSES),
    "Swin": lambda: SwinTransformer([2, 2], 8, [2, 2], [1, 2], [4, 4], num_classes=NUM_CLASSES),
}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    made = NETWORKS[name]()
    for head in (module for module in made.modules() if isinstance(module, nn.Linear)):
        nn.init.normal_(head.weight, std=0.1)  # torchvision's heads of ViT start at 0.
    return made


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """A network that finds bright patches."""
    torch.set_num_threads(1)
    lenet = network("LeNet")
    assert train(lenet, steps=30, rate=5e-3) > 0.95
    return lenet


def test_the_maximum_lies_on_what_makes_the_class(trained: nn.Module) -> None:
    images, classes, corners = planted_images(200, seed=20_000)
    assert share_on_patch(class_activation_map(trained, images, classes), corners) >= 0.95


def test_what_speaks_for_another_class_lies_elsewhere(trained: nn.Module) -> None:
    images, classes, corners = planted_images(200, seed=20_000)
    others = class_activation_map(trained, images, (classes + 1) % NUM_CLASSES)
    assert share_on_patch(others, corners) < 0.5


@pytest.mark.parametrize(("name", "layer"), [("LeNet", "norm2"), ("ResNet9", "features"), ("resnet18", "layer3")])
def test_maps_are_those_of_captum(name: str, layer: str) -> None:
    attr = pytest.importorskip("captum.attr")
    made, (images, classes, _) = network(name).eval(), planted_images(4, seed=1)
    reference = attr.LayerGradCam(made, made.get_submodule(layer)).attribute(
        images, target=classes, relu_attributions=True
    )
    reference = attr.LayerAttribution.interpolate(reference, (32, 32), "bilinear")[:, 0]
    reference = reference / reference.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    torch.testing.assert_close(class_activation_map(made, images, classes), reference.detach(), atol=1e-5, rtol=1e-4)


def test_behind_a_mean_it_is_the_class_activation_map() -> None:
    made, (images, classes, _) = network("resnet18").eval(), planted_images(4, seed=1, size=64)
    body = nn.Sequential(*list(made.children())[:-2])
    expected = torch.einsum("nchw,nc->nhw", body(images), made.fc.weight[classes]).relu()
    expected = nn.functional.interpolate(expected[:, None], (64, 64), mode="bilinear")[:, 0]
    expected = expected / expected.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    torch.testing.assert_close(class_activation_map(made, images, classes), expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_several_classes_take_one_pass(name: str) -> None:
    made, (images, classes, _) = network(name), planted_images(3, seed=1)
    pairs = torch.stack([classes, (classes + 1) % NUM_CLASSES], dim=1)
    maps = class_activation_map(made, images, pairs)
    assert maps.shape == (3, 2, 32, 32)
    for i in range(2):
        torch.testing.assert_close(maps[:, i], class_activation_map(made, images, pairs[:, i]))
    assert float(maps.min()) >= 0
    assert set(maps.amax(dim=(2, 3)).flatten().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_changed(name: str) -> None:
    made, (images, classes, _) = network(name).train(), planted_images(2, seed=1)
    made(images).sum().backward()
    next(made.modules()).eval()
    before = copy.deepcopy(made.state_dict())
    gradients = [None if p.grad is None else p.grad.clone() for p in made.parameters()]
    modes, random_state, pixels = [m.training for m in made.modules()], torch.get_rng_state(), images.clone()
    class_activation_map(made, images, classes)
    torch.testing.assert_close(made.state_dict(), before, rtol=0, atol=0)
    for parameter, gradient in zip(made.parameters(), gradients, strict=True):
        assert gradient is None or torch.equal(parameter.grad, gradient)
    assert [m.training for m in made.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(images, pixels)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in made.modules())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", NETWORKS)
def test_frozen_networks_in_inference_mode_give_the_same(name: str) -> None:
    made, (images, classes, _) = network(name), planted_images(2, seed=1)
    expected = class_activation_map(made, images, classes)
    made.requires_grad_(False)
    with torch.inference_mode():
        maps = class_activation_map(made, images + 0, classes + 0)
    assert not maps.requires_grad
    torch.testing.assert_close(maps, expected)


def test_precision_and_memory_format_change_little(trained: nn.Module) -> None:
    images, classes, corners = planted_images(100, seed=20_000)
    made = copy.deepcopy(trained).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        maps = class_activation_map(made, images.contiguous(memory_format=torch.channels_last), classes)
    assert maps.dtype == torch.float32
    assert share_on_patch(maps, corners) >= 0.95


def classifier(name: str) -> ImageClassifier:
    return ImageClassifier(lambda num_classes: network(name), SGD, list("abc"), mean=[0.5] * 3, std=[0.2] * 3)


def test_a_classifier_takes_its_own_images() -> None:
    model, (images, classes, _) = classifier("ResNet9"), planted_images(2, seed=1)
    pixels = (images * 255).byte()
    maps = class_activation_map(model, pixels, classes)
    torch.testing.assert_close(maps, class_activation_map(model.network, model.normalize(pixels), classes))


def test_a_compiled_network_runs_with_its_hooks() -> None:
    model, (images, classes, _) = classifier("ResNet9"), planted_images(2, seed=1)
    expected = class_activation_map(model, images, classes)
    model.network.compile(backend="eager")
    torch.testing.assert_close(class_activation_map(model, images, classes), expected)


@pytest.mark.parametrize("name", ["resnet18", "ViT"])
def test_images_need_not_be_square_nor_many(name: str) -> None:
    size = (64, 96) if name == "resnet18" else (32, 32)
    maps = class_activation_map(network(name), torch.rand(1, 3, *size), torch.tensor([0]))
    assert maps.shape == (1, *size)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("laier3", r"ResNet has no layer 'laier3'\. Did you mean 'layer3'\?"),
        ("", "has no layer ''"),
        ("fc", "The layer 'fc' gives no map of features over the image"),
        ("avgpool", "The layer 'avgpool' gives no map"),
    ],
)
def test_a_layer_that_is_none_or_gives_no_map_is_refused(layer: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        class_activation_map(network("resnet18"), torch.rand(2, 3, 64, 64), torch.tensor([0, 1]), layer)


@pytest.mark.parametrize("layer", ["layer1", "layer2.0.conv1"])
def test_another_layer_can_be_named(layer: str) -> None:
    maps = class_activation_map(network("resnet18"), torch.rand(2, 3, 64, 64), torch.tensor([0, 1]), layer)
    assert maps.shape == (2, 64, 64)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (torch.tensor([0, NUM_CLASSES]), "must be from 0 to 2, got 0 to 3"),
        (torch.tensor([0, -1]), "must be from 0 to 2, got -1 to 0"),
        (torch.tensor([0]), r"must be \(2,\) or \(2, M\), got \(1,\)"),
        (torch.tensor(0), r"must be \(2,\) or \(2, M\), got \(\)"),
    ],
)
def test_classes_that_are_none_are_refused(classes: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_activation_map(network("ResNet9"), torch.rand(2, 3, 32, 32), classes)


def test_a_network_without_a_map_is_refused() -> None:
    with pytest.raises(UserError, match="The network has no map of features"):
        class_activation_map(MLP(3, in_features=192), torch.rand(2, 3, 8, 8), torch.tensor([0, 1]))
