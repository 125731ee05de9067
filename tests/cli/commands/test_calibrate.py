"""`calibrate` fits the probabilities of a checkpoint, and leaves its predictions as they are."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.cli.conftest import Mistake

from litclassify.cli import main
from litclassify.cli.checkpoints.path import resolve_checkpoint

Fit = Callable[..., Path]
QUIET = ["--trainer.enable_progress_bar", "false"]
ARGUMENT = "calibration_temperature"


def temperature_in(path: Path) -> float:
    return torch.load(path, weights_only=True)["hyper_parameters"][ARGUMENT]


def metrics_of(run: Path) -> dict[str, float]:
    main(["test", "--ckpt_path", str(run), *QUIET])
    return json.loads((run / "metrics.json").read_text())


def predictions(run: Path, output: str) -> list[dict[str, str]]:
    main(["predict", "--ckpt_path", str(run), "--output", output, *QUIET])
    return list(csv.DictReader(Path(output).read_text().splitlines()))


def test_confidence_is_calibrated_and_nothing_else_changes(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit("--model.criterion", "torch.nn.CrossEntropyLoss", "--model.criterion.label_smoothing", "0.4")
    before, first = metrics_of(run), predictions(run, "before.csv")
    capsys.readouterr()
    main(["calibrate", "--ckpt_path", str(run), *QUIET])
    (temperature,) = {float(line.split()[1]) for line in capsys.readouterr().out.splitlines() if "Temperature" in line}
    after, second = metrics_of(run), predictions(run, "after.csv")
    assert after["test_ece"] < before["test_ece"] / 2
    assert after["test_nll"] < before["test_nll"]
    assert [after[name] for name in ("test_acc", "test_loss", "test_f1")] == [
        before[name] for name in ("test_acc", "test_loss", "test_f1")
    ]
    assert [row["label"] for row in first] == [row["label"] for row in second]
    logits = torch.tensor([[float(row[f"top{k}_confidence"]) for k in (1, 2)] for row in first]).log()
    expected = (logits[:, 0] - logits[:, 1]) / temperature
    scaled = torch.tensor([[float(row[f"top{k}_confidence"]) for k in (1, 2)] for row in second]).log()
    torch.testing.assert_close(scaled[:, 0] - scaled[:, 1], expected, rtol=1e-3, atol=1e-3)
    assert "before calibration" not in (run / "report.md").read_text()


def test_a_copy_is_written_and_the_checkpoint_left_alone(fit: Fit) -> None:
    run = fit()
    checkpoint = run / "checkpoints" / "last.ckpt"
    content = checkpoint.read_bytes()
    main(["calibrate", "--ckpt_path", str(checkpoint), "--output", "calibrated.ckpt", *QUIET])
    assert checkpoint.read_bytes() == content
    assert temperature_in(checkpoint) == 1
    assert temperature_in(Path("calibrated.ckpt")) != 1
    states = [torch.load(path, weights_only=True)["state_dict"] for path in (checkpoint, "calibrated.ckpt")]
    torch.testing.assert_close(*states, rtol=0, atol=0)


def test_the_best_checkpoint_stays_the_best(fit: Fit) -> None:
    run = fit("--trainer.max_epochs", "4")
    best = resolve_checkpoint(str(run), run.parent.parent)
    main(["calibrate", "--ckpt_path", str(sorted((run / "checkpoints").glob("epoch*"))[0]), *QUIET])
    assert resolve_checkpoint(str(run), run.parent.parent) == best


def test_views_of_a_test_are_those_that_are_calibrated(fit: Fit) -> None:
    shutil.copy(fit() / "checkpoints" / "last.ckpt", "views.ckpt")
    views = ["--model.test_time_augmentation", "Shifts"]
    for name, words in {"one.ckpt": [], "five.ckpt": views}.items():
        main(["calibrate", "--ckpt_path", "views.ckpt", "--output", name, *QUIET, *words])
    assert temperature_in(Path("one.ckpt")) != temperature_in(Path("five.ckpt"))


def test_an_average_is_not_calibrated(fit: Fit) -> None:
    run = fit()
    files = sorted(map(str, (run / "checkpoints").glob("epoch*")))
    main(["calibrate", "--ckpt_path", files[0], *QUIET])
    main(["average", *files, "--output", "soup.ckpt"])
    assert temperature_in(Path("soup.ckpt")) == 1


def test_training_that_goes_on_forgets_the_temperature(fit: Fit) -> None:
    run = fit()
    last = run / "checkpoints" / "last.ckpt"
    main(["calibrate", "--ckpt_path", str(last), *QUIET])
    assert temperature_in(last) != 1
    main(["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "3", *QUIET])
    assert {temperature_in(path) for path in (run / "checkpoints").glob("epoch002*")} == {1}


def test_mistakes_are_refused(mistake: Mistake, fit: Fit) -> None:
    message = mistake("calibrate", "--data", "Digits", "--model.network", "LeNet")
    assert "calibrate needs a trained model: give --ckpt_path FILE" in message
    shutil.copy(fit() / "checkpoints" / "last.ckpt", "model.ckpt")
    shutil.rmtree("runs")
    calibrate = ["calibrate", "--ckpt_path", "model.ckpt", *QUIET]
    assert "is a directory" in mistake(*calibrate, "--output", ".")
    with pytest.warns(UserWarning, match="The val images are not those that were held out"):
        assert "at least 50 validation images, got 20" in mistake(*calibrate, "--data.val_split", "20")
    assert "must be over 0" in mistake(*calibrate, f"--model.{ARGUMENT}", "0")
    assert "missing.ckpt" in mistake("calibrate", "--ckpt_path", "missing.ckpt")
