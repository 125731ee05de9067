"""The networks of timm, built, started from weights and taken apart; none is downloaded."""

import builtins
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.networks import TimmNetwork, head_of, stages_of

timm = pytest.importorskip("timm")

SMALL_FIT = [
    *["fit", "--data", "ImageFolder", "--data.root", "images", "--data.image_size", "32", "--data.batch_size", "8"],
    *["--model.network", "TimmNetwork", "--model.optimizer", "AdamW", "--model.optimizer.lr", "0.001"],
    *["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"],
    *["--trainer.enable_model_summary", "false"],
]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no internet in tests")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", refuse)


def save(network: nn.Module, path: str) -> str:
    """Write weights in the format that the ending says."""
    if path.endswith(".safetensors"):
        pytest.importorskip("safetensors.torch").save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path)
    return path


def test_a_network_is_timms_with_what_it_is_asked_for() -> None:
    network = TimmNetwork(7, "test_vit", in_channels=1, image_size=32, drop_rate=0.1, drop_path_rate=0.2).eval()
    expected = timm.create_model(
        "test_vit", num_classes=7, in_chans=1, img_size=32, drop_rate=0.1, drop_path_rate=0.2
    ).eval()
    expected.load_state_dict(network.model.state_dict())
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(network(images), expected(images))
    assert str(network.model) == str(expected)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "test_resnet", "test_efficientnet"])
def test_weights_of_timm_are_taken_with_their_head_where_the_classes_are_as_many(name: str, ending: str) -> None:
    reference = timm.create_model(name, num_classes=5).eval()
    path = save(reference, f"weights.{ending}")
    images = torch.rand(2, 3, 160, 160)
    assert torch.equal(TimmNetwork(5, name, weights=path).eval()(images), reference(images))
    other = TimmNetwork(3, name, weights=path)
    head = head_of(other, 3, "key")
    for key, value in other.model.state_dict().items():
        if f"model.{key}" not in head:
            assert torch.equal(value, reference.state_dict()[key]), key
    assert other.eval()(images).shape == (2, 3)


def test_a_gray_network_answers_a_gray_image_as_it_answered_it_in_colour() -> None:
    path = save(timm.create_model("test_resnet", num_classes=5), "weights.pth")
    gray, colour = (TimmNetwork(5, "test_resnet", weights=path, in_channels=n).eval() for n in (1, 3))
    images = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(gray(images), colour(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_positions_are_interpolated_to_another_size() -> None:
    path = save(timm.create_model("test_vit", num_classes=5), "weights.pth")
    network = TimmNetwork(5, "test_vit", weights=path, image_size=96)
    assert network(torch.rand(2, 3, 96, 96)).shape == (2, 5)


@pytest.mark.parametrize("wrap", [lambda s: {"state_dict": {f"network.model.{k}": v for k, v in s.items()}}, dict])
def test_a_checkpoint_of_this_application_is_a_file_of_weights(wrap: Callable[..., object]) -> None:
    reference = TimmNetwork(5, "test_vit")
    torch.save(wrap(reference.model.state_dict()), "weights.ckpt")
    network = TimmNetwork(5, "test_vit", weights="weights.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), reference.parameters(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet19"}, "name is 'resnet19', which is not a network of timm. Did you mean 'resnet18'?"),
        ({"name": "?"}, "which is not a network of timm. There are "),
        ({"name": "hf-hub:someone/resnet18"}, "which is not a network of timm"),
        ({"name": "local-dir:resnet18"}, "which is not a network of timm"),
        ({"name": "resnet18.a9_in1k"}, "timm has no weights 'a9_in1k' for resnet18. There are .*a1_in1k"),
        ({"name": "resnet18", "image_size": 64}, "image_size is set, but resnet18 takes no such argument: leave it"),
        ({"name": "vgg11", "drop_path_rate": 0.1}, "drop_path_rate is set, but vgg11 takes no such argument"),
        ({"name": "resnet18", "drop_rate": 1.0}, "drop_rate must be at least 0 and less than 1, got 1.0"),
        ({"name": "resnet18", "pretrained": True}, "no weights of resnet18 to be had: no internet in tests"),
        ({"name": "resnet18", "pretrained": True, "weights": "x.pth"}, "pretrained is true and weights is 'x.pth'"),
        ({"name": "resnet18", "weights": "x.pth"}, "weights is 'x.pth', which is not a file"),
    ],
)
def test_what_timm_does_not_have_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=rf"model\.network\..*{message}|{message}".replace("?", r"\?")):
        TimmNetwork(3, **arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (timm.create_model("test_resnet", num_classes=5).state_dict(), "does not fit test_vit"),
        (timm.create_model("test_vit2", num_classes=5).state_dict(), "does not fit test_vit"),
        ({"epoch": 3}, "holds no state dict"),
        ([1, 2], "holds no state dict"),
        (nn.Linear(2, 2), r"can't be read with torch\.load\(weights_only=True\)"),
    ],
    ids=["other_family", "other_size", "no_tensors", "list", "pickled_module"],
)
@pytest.mark.parametrize("num_classes", [5, 2])
def test_a_file_that_does_not_fit_is_a_short_user_error(content: object, message: str, num_classes: int) -> None:
    torch.save(content, "weights.pth")
    with pytest.raises(UserError, match=f"model.network.weights.*{message}") as caught:
        TimmNetwork(num_classes, "test_vit", weights="weights.pth")
    assert len(str(caught.value)) < 700


def test_a_damaged_file_of_safetensors_is_a_user_error() -> None:
    Path("weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="weights is 'weights.safetensors', but that file can't be read"):
        TimmNetwork(5, "test_vit", weights="weights.safetensors")


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("test_vit", "model.head"),
        ("test_convnext", "model.head.fc"),
        ("test_resnet", "model.fc"),
        ("caformer_s18", "model.head.fc.fc2"),
        ("deit_tiny_distilled_patch16_224", "model.head"),
    ],
)
def test_the_head_is_what_gives_the_logits(name: str, head: str) -> None:
    with torch.device("meta"):
        network = TimmNetwork(3, name)
    found = head_of(network, 3, "key")
    assert {f"{head}.weight", f"{head}.bias"} <= found
    assert all(key.startswith("model.head") or key.startswith(head) for key in found)


def test_a_network_without_groups_of_timms_says_no_stages() -> None:
    with torch.device("meta"):
        network = TimmNetwork(3, "caformer_s18")
    with pytest.raises(UserError, match="which TimmNetwork does not say: leave it out"):
        stages_of(network, "model.parameter_groups.layer_decay")


@pytest.mark.usefixtures("class_folders")
def test_a_checkpoint_needs_neither_its_weights_nor_the_internet(capsys: pytest.CaptureFixture[str]) -> None:
    path = save(timm.create_model("test_vit", num_classes=1000), "weights.safetensors")
    network = ["--model.network.name", "test_vit", "--model.network.image_size", "32", "--model.network.weights", path]
    freezing = ["--trainer.callbacks+=BackboneFreezing", "--trainer.callbacks.unfreeze_every_n_epochs=1"]
    decaying = ["--model.parameter_groups", "ParameterGroups", "--model.parameter_groups.layer_decay", "0.7"]
    main([*SMALL_FIT, *network, *freezing, *decaying, "--trainer.max_epochs", "3"])
    Path(path).unlink()
    (checkpoint,) = Path("runs").glob("*/*/checkpoints/last.ckpt")
    stored = torch.load(checkpoint, weights_only=True)["hyper_parameters"]["network"]["init_args"]
    assert {"pretrained", "weights"}.isdisjoint(stored)
    main(["test", "--ckpt_path", "best", "--trainer.enable_progress_bar", "false"])
    assert "test_acc" in capsys.readouterr().out


@pytest.mark.usefixtures("class_folders")
def test_a_mistake_is_a_line_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*SMALL_FIT, "--model.network.name", "test_vitt"])
    assert "error: model.network.name is 'test_vitt', which is not a network of timm." in capsys.readouterr().err


@pytest.mark.usefixtures("class_folders")
@pytest.mark.parametrize("path", ["timm.create_model", "timm.models.load_checkpoint", "timm.models.ResNet"])
def test_a_config_reaches_timm_by_this_network_alone(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*SMALL_FIT, "--model.network", path])
    assert "--allow_import timm" in capsys.readouterr().err


def test_timm_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_timm(name: str, *args: object, **kwargs: object) -> object:
        if name == "timm":
            raise ModuleNotFoundError("No module named 'timm'", name="timm")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_timm)
    with pytest.raises(UserError, match=r"needs timm, which is not installed: pip install -e '\.\[timm\]'"):
        TimmNetwork(3, "resnet18")


@pytest.mark.slow
def test_timm_is_imported_for_its_networks_alone() -> None:
    code = "import litclassify.cli.application, sys; assert not {'timm', 'safetensors'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
