import warnings
from pathlib import Path

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from tests.callbacks.observed import DrawingNetwork, classifier, events, train
from torch import Tensor, nn

from litclassify.callbacks import NetworkGraph


class Untraceable(DrawingNetwork):
    def forward(self, images: Tensor) -> Tensor:
        if torch.jit.is_tracing():
            raise NotImplementedError("no tracer, please\nbut a second line")
        return super().forward(images)


def nodes(folder: Path) -> set[str]:
    return {node.name for node in events(folder).Graph().node}


def test_the_graph_has_the_layers_of_the_network(tmp_path: Path) -> None:
    train(tmp_path, NetworkGraph())
    for layer in ("Conv2d[0]", "BatchNorm2d[1]", "Linear[5]"):
        assert any(layer in name for name in nodes(tmp_path)), layer


def test_a_compiled_network_is_traced_as_it_is(tmp_path: Path) -> None:
    model = classifier()
    model.network.compile(backend="eager")
    train(tmp_path, NetworkGraph(), model=model)
    assert any("Linear[5]" in name for name in nodes(tmp_path))


def test_a_network_that_cannot_be_traced_gives_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(tmp_path, NetworkGraph(), model=classifier(Untraceable))
    (line,) = [str(warning.message) for warning in caught if "NetworkGraph" in str(warning.message)]
    assert line == "NetworkGraph: Untraceable cannot be traced, there is no graph: no tracer, please"
    assert "Error occurs" not in capsys.readouterr().out
    assert not events(tmp_path).Tags()["graph"]


def test_a_divided_network_is_not_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litclassify.callbacks.sharding.SHARDED", SingleDeviceStrategy)
    with pytest.warns(UserWarning, match="NetworkGraph: SingleDeviceStrategy divides the network"):
        train(tmp_path, NetworkGraph())
    assert not events(tmp_path).Tags()["graph"]


@pytest.mark.filterwarnings("ignore:Found 1 module.s. in eval mode")
def test_a_network_in_evaluation_mode_stays_in_it(tmp_path: Path) -> None:
    model = classifier()
    model.network[1].eval()
    modes: list[bool] = []
    model.network.register_forward_hook(lambda *_: modes.append(model.network[1].training))
    train(tmp_path, NetworkGraph(), model=model, limit_val_batches=0, max_epochs=1)
    assert not model.network[1].training
    assert isinstance(model.network[3], nn.Dropout)
    assert model.network[3].training
