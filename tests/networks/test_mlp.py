import pytest
import torch
from jsonargparse import ArgumentParser
from torch import nn

from litclassify.networks import MLP, NetworkFactory


def linear_shapes(network):
    return [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]


@pytest.mark.parametrize(
    ("hidden_features", "expected"),
    [((), [(64, 10)]), ([32], [(64, 32), (32, 10)]), ((32, 16), [(64, 32), (32, 16), (16, 10)])],
)
def test_layers_have_the_widths_asked_for(hidden_features, expected):
    network = MLP(10, in_features=64, hidden_features=hidden_features)
    assert linear_shapes(network) == expected
    assert network(torch.rand(5, 1, 8, 8)).shape == (5, 10)


def test_no_hidden_layer_is_softmax_regression():
    network = MLP(3, in_features=12, hidden_features=())
    images = torch.rand(5, 3, 2, 2)
    weight, bias = network.parameters()
    torch.testing.assert_close(network(images), images.reshape(5, 12) @ weight.T + bias)


def test_dropout_acts_in_training_only():
    network, images = MLP(10, in_features=64, dropout=0.5), torch.rand(5, 1, 8, 8)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_hidden_features_come_from_the_command_line_as_a_list():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=NetworkFactory)
    config = parser.parse_args(["--network", "MLP", "--network.hidden_features", "[32, 16]"])
    network = parser.instantiate(config).network(num_classes=10)
    assert linear_shapes(network) == [(784, 32), (32, 16), (16, 10)]
