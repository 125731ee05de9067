import pytest
from jsonargparse import ArgumentParser
from torch import nn

from litclassify.networks import MLP, LeNet, NetworkFactory


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--network", "LeNet", "--network.width", "8"], LeNet),
        (["--network", "MLP"], MLP),  # torchvision.ops has a class of this name too.
        (["--network", "litclassify.networks.LeNet"], LeNet),
        (["--network", "torchvision.models.squeezenet1_1"], nn.Module),
    ],
)
def test_a_command_line_names_a_network_by_class_path_or_function(arguments, expected):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=NetworkFactory)
    factory = parser.instantiate(parser.parse_args(arguments)).network
    assert isinstance(factory(num_classes=7), expected)
