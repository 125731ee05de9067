"""What a user sees of a training, in a terminal and in a log."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import RichProgressBar
from rich.text import Text
from tests.conftest import SMALL

from litclassify.callbacks import EpochProgressBar
from litclassify.cli import main

VISIBLE = [word for word in SMALL if word not in ("--trainer.enable_progress_bar", "false")]
VISIBLE.remove("--trainer.enable_model_summary")


def printed_lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    main(["fit", *VISIBLE, "--trainer.enable_model_summary", "false", *words])
    return capsys.readouterr().out.splitlines()


def test_a_log_gets_one_line_an_epoch_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_lines(capsys)
    epochs = [line for line in lines if line.startswith("epoch")]
    assert [line.split()[0::2] for line in epochs] == [["epoch", "train_loss", "train_acc", "val_loss", "val_acc"]] * 2
    assert [line.split()[1] for line in epochs] == ["0", "1"]
    assert all(len(line) <= 80 for line in epochs)
    assert not any("━" in line for line in lines)


def test_lines_hold_the_values_of_their_own_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_lines(capsys)
    (run,) = Path("runs/digits").iterdir()
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [line.split() for line in lines if line.startswith("epoch")]
    assert len(epochs) == 2
    for _, epoch, *shown in epochs:
        logged = {name: value for row in rows if row["epoch"] == epoch for name, value in row.items() if value}
        assert shown[1::2] == [f"{float(logged[name]):.4f}" for name in shown[::2]]


def test_an_epoch_without_validation_repeats_no_older_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_lines(capsys, "--trainer.check_val_every_n_epoch", "2", "--trainer.max_epochs", "3")
    assert ["val_acc" in line for line in lines if line.startswith("epoch")] == [False, True, False]


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make rich take standard output for a terminal of 80 columns."""
    with monkeypatch.context() as patched:
        for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
            patched.setenv(name, value)
        rich.reconfigure()
        yield
    rich.reconfigure()


@pytest.mark.usefixtures("_terminal")
def test_a_terminal_gets_a_bar_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [Text.from_ansi(line).plain for line in printed_lines(capsys)]
    bars = [line for line in lines if line.startswith("Epoch 1/1")]
    assert "5/5" in bars[-1]
    assert "loss: " in bars[-1]
    assert all(len(line) <= 80 for line in bars)
    assert any(line.startswith("epoch 1  train_loss") for line in lines)


def test_the_bar_moves_a_few_times_a_second_and_at_the_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", lambda *words: shown.append(words[-1]))
    bar = EpochProgressBar()
    trainer = Trainer(logger=False, enable_checkpointing=False, callbacks=[bar], accelerator="cpu")
    trainer.fit_loop.max_batches = 1000
    bar._trainer = trainer
    for batch_idx in range(1000):
        bar.on_train_batch_end(trainer, None, None, None, batch_idx)
    assert shown[0] == 0
    assert shown[-1] == 999
    assert len(shown) < 50


@pytest.mark.parametrize("name", ["TQDMProgressBar", "RichProgressBar"])
def test_another_bar_takes_its_place(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_lines(capsys, f"--trainer.callbacks+={name}")
    assert not any(line.startswith("epoch") for line in lines)
