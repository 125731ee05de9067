"""Optimizers from the command line."""

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
