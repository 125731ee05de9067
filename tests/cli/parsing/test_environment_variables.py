import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.conftest import Mistake
from tests.conftest import SMALL

from litclassify.cli import main

SCHEDULE = ["--model.lr_scheduler", "CosineAnnealingLR"]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Give the config of a command line."""

    def run(*words: str) -> Any:
        with pytest.raises(SystemExit, match="0"):
            main([*words, "--print_config"])
        return yaml.safe_load(capsys.readouterr().out)

    return run


def test_a_variable_overrules_a_config_and_is_overruled_by_a_flag(
    printed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("recipe.yaml").write_text("{data: {class_path: Digits, init_args: {batch_size: 9}}, trainer: {max_epochs: 9}}")
    monkeypatch.setenv("LITCLASSIFY_DATA__BATCH_SIZE", "5")
    monkeypatch.setenv("LITCLASSIFY_TRAINER__MAX_EPOCHS", "6")
    monkeypatch.setenv("LITCLASSIFY_TEST_AFTER_FIT", "true")
    config = printed("fit", "--trainer.max_epochs", "7", "--config", "recipe.yaml")
    assert config["data"]["init_args"]["batch_size"] == 5
    assert config["trainer"]["max_epochs"] == 7
    assert config["test_after_fit"] is True


def test_a_key_with_capitals_is_written_as_it_is(printed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_MODEL__LR_SCHEDULER__T_max", "17")
    config = printed("fit", *SMALL, *SCHEDULE)
    assert config["model"]["init_args"]["lr_scheduler"]["init_args"]["T_max"] == 17


def test_a_config_may_come_from_a_variable(printed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("recipe.yaml").write_text("trainer: {max_epochs: 9}")
    monkeypatch.setenv("LITCLASSIFY_CONFIG", "recipe.yaml")
    assert printed("fit", "--data", "Digits")["trainer"]["max_epochs"] == 9


def test_an_argument_of_another_subcommand_is_passed_over(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_OUTPUT", "predictions.jsonl")
    run = fit("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1")
    main(["predict", "--ckpt_path", str(run)])
    assert len(Path("predictions.jsonl").read_text().splitlines()) == 359


def test_a_variable_that_matches_nothing_is_reported(
    printed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITCLASSIFY_TRAINR__MAX_EPOCHS", "3")
    with pytest.warns(UserWarning, match=r"LITCLASSIFY_TRAINR__MAX_EPOCHS matches no argument. Did you mean 'trainer'"):
        printed("fit", *SMALL)


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("LITCLASSIFY_TRAINER__MAX_EPOCH", "3", ["trainer.max_epoch", "'trainer.max_epochs'"]),
        ("LITCLASSIFY_TRAINER__MAX_EPOCHS", "many", ["trainer.max_epochs", "an integer", "many"]),
        ("LITCLASSIFY_DATA__BATCH_SIZ", "3", ["batch_siz", "'batch_size'"]),
    ],
)
def test_a_mistake_in_a_variable_names_it(
    mistake: Mistake, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, parts: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    text = mistake("fit", *SMALL)
    for part in (variable, *parts):
        assert part in text


def test_the_run_records_the_variables_that_set_it(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_TRAINER__MAX_EPOCHS", "1")
    recorded = json.loads((fit("--trainer.limit_train_batches", "1") / "environment.fit.json").read_text())
    assert recorded["variables"] == {"LITCLASSIFY_TRAINER__MAX_EPOCHS": "1"}
