from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.conftest import SMALL

from litclassify.callbacks import DataSummary
from litclassify.cli import main

EXPECTED = "Digits: train 1,258 images, validation 180 (drawn from train), test 359 (drawn from train)"


@pytest.mark.parametrize(("switch", "times"), [("true", 1), ("false", 0)])
def test_fit_says_once_what_it_found_unless_switched_off(
    switch: str, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", *SMALL, "--trainer.max_epochs", "1", "--trainer.enable_model_summary", switch])
    printed = capsys.readouterr().out
    assert printed.count("Digits: train") == printed.count(EXPECTED) == times
    assert printed.find(EXPECTED) < printed.find("Layer") or not times


def test_evaluations_say_once_what_they_are_on(capsys: pytest.CaptureFixture[str], fit: Callable[..., Path]) -> None:
    words = ["--trainer.enable_model_summary", "true", "--ckpt_path", str(fit())]
    for command, said in (("validate", "validation 180 images"), ("test", "test 359 images")):
        capsys.readouterr()
        main([command, *words])
        printed = capsys.readouterr().out
        assert printed.count(f"Digits: {said} (drawn from train)\n") == printed.count("Digits: ") == 1


def test_names_are_neither_markup_nor_orders(capsys: pytest.CaptureFixture[str]) -> None:
    DataSummary(lambda stage: ["[bold]a\x1b[2J"]).on_fit_start(SimpleNamespace(is_global_zero=True), None)  # type: ignore[arg-type]
    assert capsys.readouterr().out == "[bold]a\\x1b[2J\n"


def test_other_processes_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    DataSummary(lambda stage: ["a"]).on_fit_start(SimpleNamespace(is_global_zero=False), None)  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""
