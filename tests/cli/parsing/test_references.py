"""`${…}` in recipes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.conftest import Mistake

from litclassify.cli import main

RECIPE = """
seed_everything: 3
data: {class_path: Digits, init_args: {batch_size: 256}}
model:
  class_path: ImageClassifier
  init_args:
    network: {class_path: ResNet9, init_args: {width: 8}}
    optimizer: {class_path: AdamW, init_args: {lr: 0.01}}
trainer: {max_epochs: 4}
"""


@pytest.fixture
def printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Give the config that `--print_config` prints for the recipe, changes to it and flags."""

    def run(changes: str = "", *flags: str) -> Any:
        for name, text in {"recipe": RECIPE, "changes": changes or "{}"}.items():
            Path(f"{name}.yaml").write_text(text)
        with pytest.raises(SystemExit, match="0"):
            main(["fit", "--config", "recipe.yaml", "--config", "changes.yaml", *flags, "--print_config"])
        return yaml.safe_load(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    ("changes", "keys", "value"),
    [
        ("run_name: digits_w${model.init_args.network.init_args.width}", ["run_name"], "digits_w8"),
        ("run_name: digits_w${model.network.width}", ["run_name"], "digits_w8"),
        ("data: {init_args: {seed: '${seed_everything}'}}", ["data", "init_args", "seed"], 3),
        ("early_stopping: {patience: '${trainer.max_epochs}'}", ["early_stopping", "init_args", "patience"], 4),
        (
            "model: {init_args: {optimizer: {init_args: {weight_decay: '${.lr}'}}}}",
            ["model", "init_args", "optimizer", "init_args", "weight_decay"],
            0.01,
        ),
        ("model: {init_args: {network: '${run_name}'}}\nrun_name: LeNet", ["model", "init_args", "network"], "LeNet"),
        (
            "trainer: {callbacks: [{class_path: GradientAccumulationScheduler, init_args: "
            "{scheduling: {0: '${seed_everything}'}}}]}",
            ["trainer", "callbacks", 0, "init_args", "scheduling"],
            {"0": 3},
        ),
        (
            "data: {init_args: {train_transform: "
            "[{class_path: RandomCrop, init_args: {size: '${data.image_size}'}}], image_size: 8}}",
            ["data", "init_args", "train_transform", 0, "init_args", "size"],
            8,
        ),
        (
            "data: {init_args: {image_size: ['${data.batch_size}', '${..batch_size}']}}",
            ["data", "init_args", "image_size"],
            [256, 256],
        ),
        ("runs_dir: ${oc.env:PLACE}/runs", ["runs_dir"], "/data/runs"),
        ("run_name: ${trainer.accelerator}", ["run_name"], "auto"),
    ],
)
def test_a_reference_stands_for_the_value_of_a_key(
    printed: Any, monkeypatch: pytest.MonkeyPatch, changes: str, keys: list[Any], value: Any
) -> None:
    monkeypatch.setenv("PLACE", "/data")
    node = printed(changes)
    for key in keys:
        node = node[key]
    assert (node["class_path"].rsplit(".", 1)[-1] if isinstance(node, dict) and "class_path" in node else node) == value


def test_a_reference_sees_the_flags(printed: Any) -> None:
    config = printed("run_name: digits_w${model.network.width}", "--model.network.width", "16")
    assert config["run_name"] == "digits_w16"


def test_a_flag_may_be_a_reference(printed: Any) -> None:
    assert (
        printed("", "--early_stopping.patience", "${trainer.max_epochs}")["early_stopping"]["init_args"]["patience"]
        == 4
    )


def test_a_run_has_the_values_of_its_references(fit: Any) -> None:
    Path("recipe.yaml").write_text("run_name: batch${data.batch_size}")
    run = fit("--config", "recipe.yaml", "--trainer.limit_train_batches", "1", "--trainer.max_epochs", "1")
    assert run.parent.name == "batch256"
    assert "${" not in (run / "config.fit.yaml").read_text()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("run_name: ${trainer.max_epoch}", ["run_name", "trainer.max_epoch}", "'trainer.max_epochs'"]),
        ("run_name: ${modl.network}", ["run_name", "modl.network", "'model.network'"]),
        ("run_name: '${runs_dir}'\nruns_dir: '${run_name}'", ["Recursive"]),
        ("run_name: '${run_name}'", ["Recursive"]),
        ("run_name: ${.nothing}", ["run_name", "nothing"]),
        ("run_name: ${oc.env:NOWHERE}", ["run_name", "NOWHERE"]),
        ("run_name: ${nothing:1}", ["run_name", "nothing"]),
        ("run_name: ${", ["run_name"]),
        ("data: {init_args: {batch_size: '${data}'}}", ["data"]),
        ("trainer: {max_epochs: '${data.root}'}", ["trainer.max_epochs", "data"]),
        ("data: {init_args: {batch_size: '${run_name}'}}\nrun_name: many", ["data.batch_size", "an integer", "'many'"]),
        ("model: {init_args: {network: '${run_name}'}}\nrun_name: os.system", ["model.network", "os.system"]),
        ("model: {init_args: {network: '${run_name}'}}\nrun_name: torch.hub.load", ["model.network", "torch.hub.load"]),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(mistake: Mistake, change: str, parts: list[str]) -> None:
    Path("recipe.yaml").write_text(RECIPE)
    Path("changes.yaml").write_text(change)
    text = mistake("fit", "--config", "recipe.yaml", "--config", "changes.yaml")
    for part in parts:
        assert part in text
