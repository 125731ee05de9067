from collections.abc import Iterator

import pytest
import yaml
from jsonargparse import ArgumentError, ArgumentParser
from torch import nn

from litclassify.cli.parsing.jsonargparse_patches import adapted_jsonargparse
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


RESNET = "torchvision.models.resnet18"


@pytest.fixture
def parser() -> Iterator[ArgumentParser]:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=NetworkFactory)
    with adapted_jsonargparse():
        yield parser


@pytest.mark.parametrize(
    "arguments",
    [
        ["--network", yaml.safe_dump({"class_path": RESNET, "init_args": {"zero_init_residual": True}})],
        ["--network", RESNET, "--network.zero_init_residual", "true"],
    ],
)
def test_a_function_with_arguments_waits_for_the_number_of_classes(
    arguments: list[str], parser: ArgumentParser
) -> None:
    config = parser.parse_args(arguments)
    for parsed in (config, parser.parse_string(parser.dump(config))):
        network = parser.instantiate(parsed).network(num_classes=7)
        assert network.fc.out_features == 7
        assert not network.layer1[0].bn2.weight.any()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"class_path": RESNET, "init_args": {"widht": 32}}, "Option 'widht' is not accepted"),
        ({"class_path": RESNET, "init_args": {"num_classes": 7}}, "Option 'num_classes' is not accepted"),
        ({"class_path": "torchvision.models.list_models", "init_args": {}}, "to be a function that returns"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(network: object, message: str, parser: ArgumentParser) -> None:
    with pytest.raises(ArgumentError, match=message):
        parser.parse_args(["--network", yaml.safe_dump(network)])
