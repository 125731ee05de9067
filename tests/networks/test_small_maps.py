from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import resnet18

from litclassify.models import ImageClassifier
from litclassify.networks import small_maps
from litclassify.networks.small_maps import SmallMapConv2d, hasten_small_maps, weight_gradient

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5))


@given(size=SIZES, kernel_size=SIZES, stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), data=st.data())
def test_the_gradient_of_weights_is_that_of_torch(
    size: tuple[int, int], kernel_size: tuple[int, int], stride: tuple[int, int], data: st.DataObject
) -> None:
    needed = [max(0, (kernel - length + 1) // 2) for kernel, length in zip(kernel_size, size, strict=True)]
    padding = (needed[0] + data.draw(st.integers(0, 2)), needed[1] + data.draw(st.integers(0, 2)))
    features = torch.randn(3, 4, *size, dtype=torch.float64)
    weight = torch.randn(5, 4, *kernel_size, dtype=torch.float64, requires_grad=True)
    output = torch.conv2d(features, weight, None, stride, padding)
    gradient = torch.randn_like(output)
    output.backward(gradient)
    computed = weight_gradient(features, gradient, weight, stride, padding)
    torch.testing.assert_close(computed, weight.grad)
    assert computed.stride() == weight.stride()


@pytest.fixture
def hastened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Give the shapes of the weights whose gradients are computed so."""
    shapes: list[tuple[int, ...]] = []

    def noted(features: Tensor, gradient: Tensor, weight: Tensor, *others: tuple[int, int]) -> Tensor:
        shapes.append(tuple(weight.shape))
        return weight_gradient(features, gradient, weight, *others)

    monkeypatch.setattr(small_maps, "weight_gradient", noted)
    return shapes


def gradients(layer: nn.Module, features: Tensor, dtype: torch.dtype | None) -> list[Tensor]:
    """Give a layer's output and its gradients: of the features, where these have one, and of its parameters."""
    layer.zero_grad()
    features = features.clone().requires_grad_()
    with torch.autocast("cpu", dtype, enabled=dtype is not None):
        output = layer(features)
    output.float().square().sum().backward()
    computed = [features.grad, *(parameter.grad for parameter in layer.parameters())]
    return [output.detach(), *(tensor.clone() for tensor in computed if tensor is not None)]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("dtype", "size", "tolerance"), [(None, 1, 1e-5), (torch.bfloat16, 3, 2e-2)])
def test_a_layer_gives_the_same(
    dtype: torch.dtype | None,
    size: int,
    tolerance: float,
    memory_format: torch.memory_format,
    hastened: list[tuple[int, ...]],
) -> None:
    layer = nn.Conv2d(144, 160, 3, padding=1).to(memory_format=memory_format)
    features = torch.randn(32, 144, size, size).to(memory_format=memory_format)
    expected = gradients(layer, features, dtype)
    hasten_small_maps(layer)
    computed = gradients(layer, features, dtype)
    assert hastened == [(160, 144, 3, 3)]
    assert len(expected) == len(computed) == 4
    for mine, of_torch in zip(computed, expected, strict=True):
        assert mine.dtype == of_torch.dtype
        assert (mine - of_torch).norm() <= tolerance * of_torch.norm()


@pytest.mark.parametrize(
    ("arguments", "size", "dtype"),
    [
        ({"padding": 1}, 2, None),  # In float32, two pixels and more.
        ({"padding": 1}, 4, torch.bfloat16),  # Too many for 128 channels.
        ({"padding": 1}, 1, torch.float16),
        ({"padding": 1, "groups": 2}, 1, None),
        ({"padding": 2, "dilation": 2}, 1, None),
        ({"padding": "same"}, 1, None),
        ({"padding": 1, "padding_mode": "replicate"}, 1, None),
    ],
)
def test_others_are_computed_by_torch(
    arguments: dict[str, object], size: int, dtype: torch.dtype | None, hastened: list[tuple[int, ...]]
) -> None:
    layer = nn.Conv2d(128, 128, 3, **arguments)  # type: ignore[arg-type]
    features = torch.randn(32, 128, size, size)
    expected = gradients(layer, features, dtype)
    hasten_small_maps(layer)
    computed = gradients(layer, features, dtype)
    assert not hastened
    for mine, of_torch in zip(computed, expected, strict=True):
        assert torch.equal(mine, of_torch)


def test_so_are_frozen_weights_narrow_layers_and_few_images(hastened: list[tuple[int, ...]]) -> None:
    frozen = nn.Conv2d(128, 128, 3, padding=1)
    frozen.weight.requires_grad_(False)
    for layer, features in [
        (frozen, torch.randn(32, 128, 1, 1)),
        (nn.Conv2d(3, 128, 3, padding=1), torch.randn(32, 3, 1, 1)),
        (nn.Conv2d(128, 128, 3, padding=1), torch.randn(128, 1, 1)),
        (nn.Conv2d(128, 128, 3, padding=1), torch.randn(31, 128, 1, 1)),
    ]:
        hasten_small_maps(layer)
        assert isinstance(layer, SmallMapConv2d)
        gradients(layer, features, None)
    assert not hastened


class Own(nn.Conv2d):
    """A convolution of its own kind."""


def test_subclasses_keep_their_forward_pass() -> None:
    network = nn.Sequential(Own(1, 1, 1), nn.Conv2d(1, 1, 1))
    hasten_small_maps(network)
    assert [type(layer) for layer in network] == [Own, SmallMapConv2d]


def test_features_need_no_gradient(hastened: list[tuple[int, ...]]) -> None:
    layer, features = nn.Conv2d(128, 128, 3, padding=1, bias=False), torch.randn(32, 128, 1, 1)
    layer(features).square().sum().backward()
    expected = layer.weight.grad
    layer.weight.grad = None
    hasten_small_maps(layer)
    layer(features).square().sum().backward()
    assert hastened == [(128, 128, 3, 3)]
    assert layer.weight.grad is not None
    assert expected is not None
    torch.testing.assert_close(layer.weight.grad, expected, rtol=1e-4, atol=1e-4)


def test_gradients_have_gradients() -> None:
    layer, features = nn.Conv2d(128, 128, 1), torch.randn(32, 128, 1, 1, requires_grad=True)
    computed = []
    for _ in range(2):
        (gradient,) = torch.autograd.grad(layer(features).square().sum(), [features], create_graph=True)
        computed += torch.autograd.grad(gradient.square().sum(), [layer.weight, features])
        hasten_small_maps(layer)
    for mine, of_torch in zip(computed[2:], computed[:2], strict=True):
        torch.testing.assert_close(mine, of_torch, rtol=1e-4, atol=1e-3)


def test_functional_transforms_are_left_to_torch() -> None:
    layer, features = nn.Conv2d(128, 128, 1), torch.randn(32, 128, 1, 1)
    hasten_small_maps(layer)

    def loss(weight: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight}, (features,)).square().sum()

    assert torch.func.grad(loss)(layer.weight.detach().requires_grad_()).shape == layer.weight.shape


@pytest.mark.parametrize(
    ("features_dtype", "weight_dtype", "autocast"),
    [
        (torch.float64, torch.float32, True),
        (torch.float32, torch.float32, True),
        (torch.bfloat16, torch.bfloat16, False),
        (torch.float32, torch.bfloat16, False),
        (torch.bfloat16, torch.float32, False),
    ],
)
def test_dtypes_are_those_of_torch(features_dtype: torch.dtype, weight_dtype: torch.dtype, autocast: bool) -> None:
    layer = nn.Conv2d(128, 128, 1, dtype=weight_dtype)
    features = torch.randn(32, 128, 1, 1, dtype=features_dtype)

    def outcome() -> object:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            try:
                return layer(features).dtype
            except RuntimeError as error:
                return str(error)

    expected = outcome()
    hasten_small_maps(layer)
    assert outcome() == expected


def test_training_uses_it_and_keeps_names(hastened: list[tuple[int, ...]]) -> None:
    model = ImageClassifier(resnet18, partial(torch.optim.SGD, lr=0.01), ["a", "b"])
    names = list(model.state_dict())
    images = TensorDataset(torch.randint(256, (32, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 1] * 16))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        log_every_n_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(images, 32), DataLoader(images, 32))
    assert list(model.state_dict()) == names
    assert len(hastened) == 5  # The convolutions whose output is one pixel, in float32.
    assert not any(isinstance(module, SmallMapConv2d) for module in model.modules())


def test_a_compiled_network_is_left_to_the_compiler(hastened: list[tuple[int, ...]]) -> None:
    layer = nn.Conv2d(128, 128, 3, padding=1)
    hasten_small_maps(layer)
    layer.compile(backend="eager", fullgraph=True)
    gradients(layer, torch.randn(32, 128, 1, 1), None)
    assert not hastened
