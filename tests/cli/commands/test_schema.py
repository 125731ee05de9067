"""The schema takes what `fit` takes, and refuses what `fit` refuses."""

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest
import torch
import yaml
from jsonschema import Draft202012Validator
from tests.cli.test_mistakes_table import BASE, WRONG_KEYS, WRONG_VALUES, nested
from tests.conftest import CONFIGS, SMALL, every

from litclassify.cli import main
from litclassify.cli.commands import json_schema
from litclassify.cli.config.classes import arguments, subclasses
from litclassify.cli.dry_run import subcommand_parsers
from litclassify.data import Digits

RECIPES = sorted(path.name for path in CONFIGS.glob("*.yaml"))

TAKEN = {
    "flat": "model: {network: LeNet, optimizer: {class_path: AdamW, init_args: {lr: 1e-3}}}",
    "dotted keys": "{trainer.max_epochs: 3, data.batch_size: 3, model.optimizer.lr: 0.1}",
    "function": "model: {network: torchvision.models.resnet18}",
    "function, arguments": "model: {network: {class_path: torchvision.models.resnet18, init_args: {weights: null}}}",
    "arguments alone": "model: {network: {width: 3}, optimizer: {lr: 0.1}, lr_scheduler: {warmup: 0.3}}",
    "init_args alone": "model: {init_args: {network: {width: 3}}}",
    "appended": "trainer: {callbacks+: {class_path: LearningRateMonitor}}",
    "appended list": "trainer: {callbacks+: [LearningRateMonitor, {class_path: RichProgressBar}]}",
    "appended deeper": "data: {class_path: Digits, init_args: {train_transform+: {class_path: RandomErasing}}}",
    "unions": "trainer: {logger: false, devices: [0, 1], precision: bf16-mixed, strategy: ddp, plugins: null}",
    "logger": "trainer: {logger: {class_path: CSVLogger, init_args: {save_dir: x}}}",
    "fragment": "trainer: configs/trainer/cpu.yaml",
    "nulls": "{early_stopping: null, checkpoint: null, model: {lr_scheduler: null}}",
    "group": "early_stopping: {patience: 5}",
    "tensor": "model: {criterion: {class_path: torch.nn.CrossEntropyLoss, init_args: {weight: [1, 2]}}}",
    "transforms": "data: {train_transform: [{class_path: RandomAffine, init_args: {degrees: 10, translate: [0, 1]}}]}",
    "preset": "data: {class_path: CIFAR10, init_args: {train_transform: trivial_augment}}",
    "preset in a list": "data: {train_transform: [rand_augment, {class_path: RandomErasing}]}",
    "class weights": "model: {class_weights: {class_path: EffectiveNumber, init_args: {beta: 0.9}}}",
    "own classes": "{data: {class_path: mine.Data, init_args: {x: 3}}, model: {network: {class_path: mine.Net}}}",
    "plateau": "model: {lr_scheduler: {class_path: lightning.pytorch.cli.ReduceLROnPlateau, init_args: {monitor: a}}}",
}
REFUSED = [
    "max_epochs: 3",
    "trainer: [1, 2]",
    "trainer: {max_epoch: 3}",
    "trainer.max_epochs+: {}",
    "data: [Digits]",
    "data: Digit",
    "data: litclassify.data.Digit",
    "model: {network: {class_path: litclassify.networks.LeNett}}",
    "data: {class_path: Digits, init_args: {batchsize: 3}}",
    "data: {class_path: Digits, batch_size: 3}",
    "data: {class_path: Digits, init_args: [3]}",
    "data: {class_path: litclassify.data.Digits, init_args: {batch_size: many}}",
    "data: {class_path: Digits, init_args: {train_transform: {class_path: RandomErasing}}}",
    "data: {class_path: Digits, init_args: {train_transform: [{class_path: RandomErasing, init_args: {pp: 1}}]}}",
    "data: {class_path: Digits, init_args: {train_transform: rand_augmnt}}",
    "model: {class_path: ImageClassifier, init_args: {class_weights: balanced}}",
    "model: {class_path: ImageClassifier, init_args: {netwrk: LeNet}}",
    "model: {class_path: ImageClassifier, init_args: {network: LeNett}}",
    "model: {class_path: ImageClassifier, init_args: {network: {class_path: LeNet, init_args: {wide: 3}}}}",
    "model: {init_args: {network: {class_path: litclassify.networks.MLP, init_args: {a: 3}}}}",
    "model: {class_path: ImageClassifier, init_args: {network: [LeNet]}}",
    "model: {class_path: ImageClassifier, init_args: {optimizer: {class_path: Adam, init_args: {params: 3}}}}",
    "model: {class_path: ImageClassifier, init_args: {optimizer: {class_path: Adam, init_args: {lr: fast}}}}",
    "model: {class_path: ImageClassifier, init_args: {lr_interval: batch}}",
    "model: {network: {class_path: LeNet, init_args: {width: wide}}}",
    "model: {class_names: [a, b]}",
    "early_stopping: false",
    "trainer: {callbacks+: {class_path: EarlyStopping, init_args: {monitr: x}}}",
]
# The others are for the classes themselves to refuse: ranges, files, names inside of torchvision, what is missing.
WRONG_BY_TYPE = 65


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    with redirect_stdout(io.StringIO()) as printed:
        main(["schema"])
    schema = json.loads(printed.getvalue())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def printed_config(capsys: pytest.CaptureFixture[str], words: list[str]) -> Any:
    with pytest.raises(SystemExit):
        main(["fit", *words, "--print_config"])
    return yaml.safe_load(capsys.readouterr().out)


@pytest.mark.parametrize("recipe", every(3, RECIPES))
def test_recipes_and_their_printed_configs_are_taken(
    recipe: str, validator: Draft202012Validator, capsys: pytest.CaptureFixture[str]
) -> None:
    validator.validate(yaml.safe_load((CONFIGS / recipe).read_text()))
    validator.validate(printed_config(capsys, ["--config", str(CONFIGS / recipe)]))


def test_the_config_of_a_run_is_taken(validator: Draft202012Validator, capsys: pytest.CaptureFixture[str]) -> None:
    validator.validate(printed_config(capsys, [*SMALL, "--trainer.callbacks+=RichProgressBar"]))


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_name_the_schema_in_their_second_line(recipe: str) -> None:
    second = (CONFIGS / recipe).read_text().splitlines()[1]
    assert second == "# yaml-language-server: $schema=../litclassify.schema.json"


@pytest.mark.parametrize("config", TAKEN.values(), ids=TAKEN.keys())
def test_every_form_of_the_parser_is_taken(config: str, validator: Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(config))


@pytest.mark.parametrize("config", REFUSED)
def test_mistakes_are_refused_at_every_depth(config: str, validator: Draft202012Validator) -> None:
    assert not validator.is_valid(yaml.safe_load(config))


def test_the_base_of_the_mistakes_is_taken(validator: Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(BASE))


@pytest.mark.parametrize("key", [key for key, _ in WRONG_KEYS])
def test_misspelt_keys_are_refused(key: str, validator: Draft202012Validator) -> None:
    assert not validator.is_valid(nested(key, 1))


def test_most_wrong_values_are_refused(validator: Draft202012Validator) -> None:
    refused = [key for key, value, _ in WRONG_VALUES if not validator.is_valid(nested(key, value))]
    assert len(refused) >= WRONG_BY_TYPE


def test_arguments_carry_their_descriptions(validator: Draft202012Validator) -> None:
    digits = validator.schema["$defs"]["arguments_of_litclassify.data.Digits"]["properties"]
    assert digits["batch_size"]["description"].startswith("Images per batch")
    assert digits["batch_size"]["default"] == 64


def test_a_class_that_cannot_be_described_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(cls: type, skip: json_schema.Skip) -> object:
        if cls is Digits:
            raise ValueError("a signature of the future")
        return arguments(cls, skip)

    monkeypatch.setattr(json_schema, "arguments", refusing)
    validator = Draft202012Validator(json_schema.config_schema(subcommand_parsers()["fit"], "title"))
    config = "data: {class_path: %s, init_args: {anything: 3}}"
    assert validator.is_valid(yaml.safe_load(config % "Digits"))
    assert not validator.is_valid(yaml.safe_load(config % "MNIST"))


def test_a_class_that_was_made_by_a_running_program_is_left_out() -> None:
    made = type("Made", (torch.optim.SGD,), {"__module__": "torch.optim.sgd"})
    assert "torch.optim.sgd.Made" not in subclasses(torch.optim.Optimizer)
    assert made in torch.optim.SGD.__subclasses__()
