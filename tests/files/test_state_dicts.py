import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.files.state_dicts import read_state_dict
from litclassify.models.initial_weights import start_from
from litclassify.networks import LeNet, TorchvisionNetwork
from litclassify.networks.timm_network import TimmNetwork

State = Mapping[str, Tensor]


def begun_from(path: str) -> nn.Module:
    network = LeNet(5)
    start_from(network, path)
    return network


def parallel(state: State) -> dict[str, Tensor]:
    return {f"module.{name}": value for name, value in state.items()}


def save(content: Any, path: Path) -> None:
    if path.suffix == ".safetensors":
        pytest.importorskip("safetensors.torch").save_file(content, path)
    else:
        torch.save(content, path)


FILES: dict[str, Callable[[State], Any]] = {
    "plain.pth": lambda state: state,
    "plain.safetensors": dict,
    "under_state_dict.ckpt": lambda state: {"state_dict": state, "epoch": 3},
    "under_model.pth": lambda state: {"model": dict(state), "epoch": 3},
    "module.pth": parallel,
    "module_under_model.pth": lambda state: {"model": parallel(state)},
    "averaged.pth": lambda state: {"n_averaged": torch.tensor(3), **parallel(state)},
}
READERS: dict[str, tuple[Callable[[], nn.Module], Callable[[str], nn.Module]]] = {
    "init_from": (lambda: LeNet(5), begun_from),
    "torchvision": (
        lambda: TorchvisionNetwork(5, "shufflenet_v2_x0_5").model,
        lambda path: TorchvisionNetwork(5, "shufflenet_v2_x0_5", weights=path).model,
    ),
    "timm": (
        lambda: TimmNetwork(5, "test_resnet").model,
        lambda path: TimmNetwork(5, "test_resnet", weights=path).model,
    ),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_whatever_takes_weights_takes_the_same_files(reader: str, file: str, tmp_path: Path) -> None:
    if reader == "timm":
        pytest.importorskip("timm")
    build, read = READERS[reader]
    expected = build().state_dict()
    save(FILES[file](expected), tmp_path / file)
    found = read(str(tmp_path / file)).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("read", [reader[1] for reader in READERS.values()], ids=READERS)
@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2]], ids=["no_tensors", "list"])
def test_a_file_without_a_state_dict_is_a_user_error(
    read: Callable[[str], nn.Module], content: object, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"^model\..* is '.*x\.pth', but that file holds no state dict\. Save a"):
        read(str(tmp_path / "x.pth"))


def test_versions_of_modules_are_kept_with_their_names(tmp_path: Path) -> None:
    torch.save(nn.BatchNorm2d(2).state_dict(), tmp_path / "norm.pth")
    assert read_state_dict(str(tmp_path / "norm.pth"), "key")._metadata == {"": {"version": 2}}  # type: ignore[attr-defined]


def test_the_home_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    torch.save(LeNet(5).state_dict(), tmp_path / "x.pth")
    begun_from("~/x.pth")


def test_safetensors_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UserError, match=r"^model\.init_from is .* needs safetensors: pip install safetensors"):
        begun_from(str(tmp_path / "x.safetensors"))
