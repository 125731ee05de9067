import hashlib
import re
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.regnet import BlockParams

from litclassify.errors import UserError
from litclassify.networks import TorchvisionNetwork
from litclassify.networks.torchvision_network import adapt_channels

ZOO = models.list_models(module=models)
SMALL = "mobilenet_v3_small"
ONE_OF_EACH_FAMILY = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "resnet18",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_t",
    "vgg11_bn",
    "vit_b_32",
]
MOSTLY_SLOW = [pytest.param(name, marks=[] if name in ONE_OF_EACH_FAMILY else pytest.mark.slow) for name in ZOO]


# Parameters that the published files call by older names.
OLD_NAMES = {
    "densenet121": {r"(denselayer\d+\.(?:norm|conv))(\d)": r"\1.\2"},
    "vit_b_16": {r"mlp\.0": "mlp.linear_1", r"mlp\.3": "mlp.linear_2"},
}


@pytest.fixture
def meta(monkeypatch):
    """The meta device: shapes without values, so that the largest network is built in a blink."""
    original = BlockParams.from_init_params.__func__

    def on_cpu(cls, *args, **kwargs):  # RegNet computes its widths from tensor values.
        with torch.device("cpu"):
            return original(cls, *args, **kwargs)

    monkeypatch.setattr(BlockParams, "from_init_params", classmethod(on_cpu))
    with torch.device("meta"):
        yield


@pytest.fixture
def publish(monkeypatch, tmp_path):
    """Put a state dict where torchvision would download the weights of a network from."""

    def publish_state(entry, state):
        torch.save(state, tmp_path / "state.pth")
        digest = hashlib.sha256((tmp_path / "state.pth").read_bytes()).hexdigest()
        path = (tmp_path / "state.pth").rename(tmp_path / f"state-{digest[:8]}.pth")
        monkeypatch.setattr(entry.value, "url", path.as_uri())

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    return publish_state


def published_state(name, num_classes=1000):
    """Fresh weights in the layout of torchvision's file for that network."""
    options = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": True, "init_weights": False}
    if name.startswith("vit"):
        options = {"image_size": 384}
    state = models.get_model(name, num_classes=num_classes, **options).state_dict()
    for pattern, replacement in OLD_NAMES.get(name, {}).items():
        items = ((re.sub(pattern, replacement, key), value) for key, value in state.items())
        state = OrderedDict((key, value) for key, value in items if "num_batches_tracked" not in key)
    if name == "vit_b_16":  # Its parts say of what version they are, DenseNet's file is too old for that.
        state._metadata = {f"encoder.layers.encoder_layer_{n}.mlp": {"version": 1} for n in range(12)}
    return state


@pytest.mark.parametrize("name", MOSTLY_SLOW)
@pytest.mark.usefixtures("meta")
def test_every_network_of_the_zoo_has_a_head_and_a_first_convolution_as_asked(name):
    gray, colour = (TorchvisionNetwork(7, name, in_channels=n) for n in (1, 3))
    gray_conv, colour_conv = (next(m for m in n.modules() if isinstance(m, nn.Conv2d)) for n in (gray, colour))
    assert gray.head.weight.shape[0] == 7
    assert str(gray_conv) == str(colour_conv).replace("Conv2d(3,", "Conv2d(1,")


@pytest.mark.parametrize("name", MOSTLY_SLOW)
@pytest.mark.usefixtures("meta")
def test_forward_gives_plain_logits_in_training_and_evaluation(name):
    network = TorchvisionNetwork(7, name)
    images = torch.empty(2, 3, 224, 224)
    for mode in (True, False):
        logits = network.train(mode)(images)
        assert isinstance(logits, torch.Tensor)
        assert logits.shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "googlenet", "inception_v3"])
def test_gradients_reach_first_convolution_and_head(name):
    network = TorchvisionNetwork(3, name, in_channels=1)
    network(torch.rand(2, 1, 80, 80)).sum().backward()
    first_conv = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    assert network.head.weight.grad.abs().sum() > 0
    assert first_conv.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        (SMALL, "DEFAULT"),
        ("densenet121", "IMAGENET1K_V1"),
        ("googlenet", "IMAGENET1K_V1"),
        ("mnasnet0_5", "IMAGENET1K_V1"),
        ("squeezenet1_1", "IMAGENET1K_V1"),
        pytest.param("inception_v3", "IMAGENET1K_V1", marks=pytest.mark.slow),
        pytest.param("vit_b_16", "IMAGENET1K_SWAG_E2E_V1", marks=pytest.mark.slow),
    ],
)
def test_downloaded_weights_give_the_logits_of_torchvision(name, weights, publish):
    entry = models.get_model_weights(name)[weights]
    publish(entry, published_state(name))
    options, size = ({"image_size": 384}, 384) if name.startswith("vit") else ({}, 96)
    images = torch.rand(2, 3, size, size)
    expected = models.get_model(name, weights=entry).eval()(images)
    actual = TorchvisionNetwork(1000, name, weights=weights, **options).eval()(images)
    assert torch.equal(actual, expected)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": dict(state)},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {"mean": torch.zeros(3), **{f"network.model.{k}": v for k, v in state.items()}}},
    ],
    ids=["bare", "state_dict", "model", "DistributedDataParallel", "checkpoint"],
)
@pytest.mark.parametrize("name", [SMALL, "mnasnet0_5"])
def test_a_local_file_is_what_is_loaded(name, wrap, tmp_path):
    reference = models.get_model(name, num_classes=5)
    torch.save(wrap(reference.state_dict()), tmp_path / "weights.pth")
    network = TorchvisionNetwork(5, name, weights=str(tmp_path / "weights.pth"))
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(network.eval()(images), reference.eval()(images))


@pytest.mark.parametrize("name", [SMALL, "squeezenet1_1", "densenet121"])
def test_a_head_for_other_classes_starts_fresh_on_the_loaded_rest(name, tmp_path):
    state = models.get_model(name, num_classes=5).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    network = TorchvisionNetwork(3, name, weights=str(tmp_path / "weights.pth"))
    loaded = network.model.state_dict()
    different = {key.rpartition(".")[0] for key in state if not torch.equal(state[key], loaded[key])}
    assert [network.model.get_submodule(key) for key in different] == [network.head]
    assert network.head.weight.shape[0] == 3


def test_one_channel_sees_a_gray_image_as_three_channels_do(tmp_path):
    torch.save(published_state(SMALL, num_classes=5), tmp_path / "weights.pth")
    gray, colour = (
        TorchvisionNetwork(5, SMALL, weights=str(tmp_path / "weights.pth"), in_channels=n).eval() for n in (1, 3)
    )
    images = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(gray(images), colour(images.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("in_channels", [1, 2, 3, 4, 6, 13])
def test_adapted_channels_keep_the_weight_per_colour_order_and_scale(in_channels):
    weight = torch.rand(1, 1, 5, 5).expand(8, 3, 5, 5)
    adapted = adapt_channels(weight, in_channels)
    assert adapted.shape == (8, in_channels, 5, 5)
    torch.testing.assert_close(adapted.sum(dim=1), weight.sum(dim=1))


def test_more_channels_repeat_red_green_and_blue_in_order():
    weight = torch.rand(8, 3, 5, 5)
    adapted = adapt_channels(weight, 5)
    torch.testing.assert_close(adapted * 5 / 3, torch.cat([weight, weight[:, :2]], dim=1))


@pytest.mark.parametrize("name", [SMALL, "googlenet"])
def test_a_gray_networks_own_weights_load_unchanged(name, tmp_path):
    reference = TorchvisionNetwork(5, name, in_channels=1)
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    network = TorchvisionNetwork(5, name, weights=str(tmp_path / "weights.pth"), in_channels=1)
    images = torch.rand(2, 1, 64, 64)
    assert torch.equal(network.eval()(images), reference.eval()(images))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet19", "Did you mean 'resnet18'?"),
        ("ResNet50", "Did you mean 'resnet50'?"),
        ("fcn_resnet50", "not a classification network"),
        ("quantized_resnet18", "not a classification network"),
        ("?", " There are alexnet, "),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(name, message):
    with pytest.raises(UserError, match=rf"model\.network\.name.*{re.escape(message)}"):
        TorchvisionNetwork(10, name)


@pytest.mark.parametrize(
    ("name", "weights", "names"),
    [
        ("resnet50", "IMAGENET", "IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT"),
        ("resnet50", "no/such/file.pth", "IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT"),
        ("vgg16", "IMAGENET1K_FEATURES", "IMAGENET1K_V1, DEFAULT"),
    ],
)
def test_unknown_weights_get_the_names_that_exist(name, weights, names):
    with pytest.raises(UserError, match=f"model.network.weights is '{weights}', which is neither .* Names: {names}"):
        TorchvisionNetwork(10, name, weights=weights)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/state-01234567.pth", "file:///no/such/state-01234567.pth"])
def test_a_failing_download_says_what_to_do(url, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(models.MobileNet_V3_Small_Weights.IMAGENET1K_V1.value, "url", url)
    with pytest.raises(UserError, match=f"{url} can't be downloaded.*Connect to the internet.*give its path"):
        TorchvisionNetwork(10, SMALL, weights="DEFAULT")


def test_a_download_with_a_wrong_hash_is_refused(publish, monkeypatch, tmp_path):
    entry = models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    publish(entry, {})
    path = next(tmp_path.glob("state-*.pth")).rename(tmp_path / "state-01234567.pth")
    monkeypatch.setattr(entry.value, "url", path.as_uri())
    with pytest.raises(UserError, match="can't be downloaded: invalid hash value"):
        TorchvisionNetwork(10, SMALL, weights="DEFAULT")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (models.resnet18(num_classes=5).state_dict(), r"does not fit mobilenet_v3_small\. Missing key"),
        (models.mobilenet_v3_large(num_classes=5).state_dict(), "size mismatch for features"),
        ({"epoch": 3}, "holds no state dict"),
        ([1, 2], "holds no state dict"),
        (nn.Linear(2, 2), r"can't be read with torch\.load\(weights_only=True\)"),
    ],
    ids=["other_family", "other_size", "no_tensors", "list", "pickled_module"],
)
def test_a_file_that_does_not_fit_is_a_short_user_error(content, message, tmp_path):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=message) as caught:
        TorchvisionNetwork(5, SMALL, weights=str(tmp_path / "weights.pth"))
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("content", [b"", b"no weights"], ids=["empty", "text"])
def test_a_file_that_torch_did_not_write_is_a_user_error(content, tmp_path):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(UserError, match="can't be read"):
        TorchvisionNetwork(5, SMALL, weights=str(tmp_path / "weights.pth"))


@pytest.mark.slow
def test_weights_for_another_image_size_name_the_size(tmp_path):
    torch.save(published_state("vit_b_16"), tmp_path / "vit.pth")
    with pytest.raises(UserError, match=r"384x384.*set model.network.image_size and data.image_size to 384"):
        TorchvisionNetwork(1000, "vit_b_16", weights=str(tmp_path / "vit.pth"))


def test_image_size_is_refused_where_it_has_no_effect():
    with pytest.raises(UserError, match="resnet18 takes images of any size: leave it out"):
        TorchvisionNetwork(3, "resnet18", image_size=96)


@pytest.mark.usefixtures("meta")
def test_a_vision_transformer_takes_the_image_size_it_is_given():
    assert TorchvisionNetwork(3, "vit_b_16", image_size=96)(torch.empty(2, 3, 96, 96)).shape == (2, 3)
