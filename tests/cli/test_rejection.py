"""Predictions of `unknown`."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Mistake

from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.rejection import ConfidenceThreshold, EnergyThreshold

Fit = Callable[..., Path]
QUIET = ["--trainer.enable_progress_bar", "false"]


def labels(*words: str) -> list[tuple[str, float]]:
    main(["predict", "--ckpt_path", "best", "--output", "out.csv", *QUIET, *words])
    with Path("out.csv").open() as file:
        return [(row["label"], float(row["confidence"])) for row in csv.DictReader(file)]


def test_images_below_the_threshold_are_unknown_and_others_as_before(fit: Fit) -> None:
    fit()
    before = labels()
    after = labels("--model.rejection", "ConfidenceThreshold", "--model.rejection.threshold", "0.9")
    assert after == [(label if confidence >= 0.9 else "unknown", confidence) for label, confidence in before]
    assert 0 < sum(label == "unknown" for label, _ in after) < len(after)
    words = ["--model.rejection", "EnergyThreshold", "--model.rejection.threshold=-1e9"]
    assert labels(*words) == before


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_confidence_lies_between_0_and_1(threshold: float) -> None:
    with pytest.raises(UserError, match=r"model.rejection.threshold must be"):
        ConfidenceThreshold(threshold)


def test_an_energy_is_a_number() -> None:
    with pytest.raises(UserError, match="must be a number, got inf"):
        EnergyThreshold(float("inf"))


def test_no_class_is_called_as_what_is_rejected(mistake: Mistake) -> None:
    words = ["--data", "Digits", "--model.network", "LeNet", "--model.optimizer", "SGD", "--model.optimizer.lr", "0.1"]
    rejection = ["--model.rejection", "ConfidenceThreshold", "--model.rejection.threshold", "0.5"]
    assert "is the name of a class" in mistake("fit", *words, *rejection, "--model.rejection.label", "7")
