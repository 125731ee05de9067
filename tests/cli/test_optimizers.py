"""Optimizers and schedules from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import SMALL

from litclassify.cli import main

MUON = ["--model.optimizer", "Muon", "--model.optimizer.rest", "AdamW", "--model.optimizer.rest.lr", "0.01"]


def last_checkpoint(run: Path) -> Any:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.slow
def test_muon_trains_resumes_and_is_tested(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    whole = last_checkpoint(fit(*MUON, "--trainer.max_epochs", "2"))
    run = fit(*MUON, "--trainer.max_epochs", "1", "--run_name", "resumed")
    main(["fit", "--ckpt_path", str(run / "last"), "--trainer.max_epochs", "2"])
    resumed = last_checkpoint(run)
    assert all(torch.equal(value, resumed["state_dict"][name]) for name, value in whole["state_dict"].items())
    main(["test", "--ckpt_path", str(run)])
    assert "test_acc" in capsys.readouterr().out


def test_muon_without_an_optimizer_of_the_rest_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--model.optimizer", "Muon"])
    assert "model.optimizer.rest" in capsys.readouterr().err


SCHEDULES = [
    ["WarmupPolynomial", "--model.lr_scheduler.power", "2"],
    ["WarmupMultiStep", "--model.lr_scheduler.milestones", "[0.5, 0.75]"],
]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_resumed_schedule_goes_on_exactly(fit: Callable[..., Path], schedule: list[str]) -> None:
    run = fit("--model.lr_scheduler", *schedule)
    whole = last_checkpoint(run)
    (first,) = (run / "checkpoints").glob("epoch000*")
    resumed = last_checkpoint(fit("--ckpt_path", str(first), "--run_name", "resumed"))
    assert resumed["global_step"] == whole["global_step"]
    assert all(torch.equal(value, resumed["state_dict"][name]) for name, value in whole["state_dict"].items())


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (["WarmupCosine", "--model.lr_scheduler.warmup", "2"], "model.lr_scheduler.warmup must be at least 0 and less"),
        (["WarmupMultiStep", "--model.lr_scheduler.milestones", "[0.7, 0.5]"], "model.lr_scheduler.milestones must be"),
    ],
)
def test_a_schedule_that_does_not_fit_the_run_stops_it_before_training(
    schedule: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--model.lr_scheduler", *schedule])
    assert words in capsys.readouterr().err


def test_an_optimizer_of_timm_is_named_by_its_path(fit: Callable[..., Path]) -> None:
    pytest.importorskip("timm")
    run = fit("--model.optimizer", "timm.optim.Lion", "--model.optimizer.lr", "0.0003", "--trainer.max_epochs", "1")
    assert "timm.optim.Lion" in (run / "config.fit.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm.optim.Lyon", "module 'timm.optim' has no 'Lyon'. Did you mean 'Lion'?"),
        ("timm.optim.create_optimizer", "lies outside of the packages"),
    ],
)
def test_what_is_no_optimizer_of_timm_is_refused(name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--model.optimizer", name])
    assert words in capsys.readouterr().err
