"""What a test leaves in its run and in TensorBoard."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import SingleDeviceStrategy
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score, precision_recall_fscore_support
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.conftest import SMALL
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader, TensorDataset

from litclassify.callbacks import MetricsFile, TestReport
from litclassify.callbacks.evaluation.report_output import print_first_rows
from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.evaluation.report import ReportTable
from litclassify.evaluation.report.content import CLASS_COLUMNS
from litclassify.models import ImageClassifier, MultiLabelClassifier
from litclassify.networks import MLP, LeNet

PICTURES = {
    *("class_accuracy", "confidence", "confident_mistakes", "confusion_matrix", "confusion_matrix_normalised"),
    *("coverage", "precision_and_recall", "reliability", "roc", "worst_predictions"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a run of digits, tested after fit."""
    folder = tmp_path_factory.mktemp("report")
    before = Path.cwd()
    os.chdir(folder)
    main(["fit", *SMALL, "--test_after_fit", "true"])
    os.chdir(before)
    (run,) = folder.glob("runs/*/*")
    return run


@pytest.fixture(scope="module")
def events(run: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(run), size_guidance={"images": 0})
    accumulator.Reload()
    return accumulator


def predictions(run: Path) -> list[dict[str, str]]:
    with (run / "test_predictions.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_metric_is_in_the_file_and_agrees_with_the_predictions(run: Path) -> None:
    metrics, rows = json.loads((run / "metrics.json").read_text()), predictions(run)
    assert [row["path"] for row in rows] == [f"test/{i}" for i in range(359)]
    targets, labels = ([row[column] for row in rows] for column in ("target", "label"))
    assert metrics["test_acc"] == pytest.approx(np.mean(np.array(targets) == labels))
    assert metrics["test_f1"] == pytest.approx(f1_score(targets, labels, average="macro"))
    assert metrics["test_nll"] == pytest.approx(np.mean([float(row["loss"]) for row in rows]), abs=1e-5)
    assert metrics["test_nll"] == pytest.approx(metrics["test_loss"], abs=1e-5)
    assert {"test_auroc", "test_average_precision", "test_ece", "test_brier", "test_kappa", "test_mcc"} <= set(metrics)


def test_the_run_holds_the_report(run: Path) -> None:
    assert {path.stem for path in (run / "report").glob("*.png")} == PICTURES
    text, page = (run / "report.md").read_text(), (run / "report.html").read_text()
    for part in ("Metrics", "Classes", "Most confused", "config.fit.yaml", "environment.fit.json"):
        assert f"## {part}" in text.replace("\\", "")
        assert f"<h2>{part}</h2>" in page
    with (run / "report" / "classes.csv").open() as file:
        classes = list(csv.DictReader(file))
    assert {row["class"] for row in classes} == set("0123456789")
    assert sum(int(row["images"]) for row in classes) == 359


def test_the_first_rows_are_printed_whole_into_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    scores = ["3", *["0.1234"] * 4, "undefined"]
    rows = [[f"{'n' * 60}{i:02}", *scores] for i in range(25)]
    print_first_rows(ReportTable("Classes", ["class", "images", *CLASS_COLUMNS], rows))
    header, *printed, rest = capsys.readouterr().out.splitlines()
    assert header.split() == ["class", "images", *CLASS_COLUMNS]
    assert [line.split() for line in printed] == rows[:20]
    assert rest == "… and 5 more, in report/classes.csv"


def test_tensorboard_shows_the_report(events: EventAccumulator) -> None:
    assert {tag.removeprefix("test/") for tag in events.Tags()["images"] if tag.startswith("test/")} == PICTURES
    assert {f"test/pr/{k}" for k in range(10)} <= set(events.Tags()["tensors"])
    assert "test/classes/text_summary" in events.Tags()["tensors"]
    assert "test_ece" in events.Tags()["scalars"]


def loader_of_digits(*, shuffle: bool = False) -> DataLoader[tuple[torch.Tensor, ...]]:
    digits = load_digits()
    images = torch.from_numpy(digits.images / 16).float()[:, None]
    return DataLoader(TensorDataset(images, torch.from_numpy(digits.target)), batch_size=500, shuffle=shuffle)


def classifier() -> ImageClassifier:
    return ImageClassifier(lambda num_classes: MLP(num_classes, in_features=64), AdamW, list("0123456789"))


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """Give a trainer that reports, and logs nothing."""
    return Trainer(
        accelerator="cpu",
        logger=False,
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[TestReport(resamples=0, gallery=5)],
    )


def test_any_loader_is_reported_on(trainer: Trainer, tmp_path: Path) -> None:
    trainer.test(classifier(), loader_of_digits(), verbose=False)
    assert len(predictions(tmp_path)) == 1797
    assert (tmp_path / "report" / "worst_predictions.png").is_file()
    assert "the weights that training ended with" in (tmp_path / "report.html").read_text()


EXPLAINED = {"worst_predictions_explained", "confident_mistakes_explained"}


def explained_after_test(
    network: type[nn.Module], folder: Path, explain: int = 3, precision: Any = "32-true"
) -> set[str]:
    model = ImageClassifier(network, AdamW, list("0123456789"))
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        precision=precision,
        callbacks=[TestReport(resamples=0, gallery=5, explain=explain)],
    )
    trainer.test(model, loader_of_digits(), verbose=False)
    return {path.stem for path in (folder / "report").glob("*explained.png")}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_mistakes_are_explained(tmp_path: Path, precision: str) -> None:
    assert explained_after_test(LeNet, tmp_path, precision=precision) == EXPLAINED
    assert "Worst predictions explained" in (tmp_path / "report.md").read_text()
    assert "Confident mistakes explained" in (tmp_path / "report.html").read_text()


def test_mistakes_are_not_explained_if_not_asked(tmp_path: Path) -> None:
    assert explained_after_test(LeNet, tmp_path, explain=0) == set()
    assert (tmp_path / "report" / "worst_predictions.png").is_file()


class Refusing(nn.Module):
    """Fails when it is run with hooks."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.inner = LeNet(num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.inner.conv1._forward_hooks:
            raise RuntimeError("no hooks here")
        return self.inner(images)


@pytest.mark.filterwarnings("ignore:Predictions are not explained. no hooks here")
def test_a_network_that_cannot_be_explained_is_tested_all_the_same(tmp_path: Path) -> None:
    assert explained_after_test(Refusing, tmp_path) == set()
    assert (tmp_path / "report.html").is_file()


def test_a_divided_network_is_not_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("litclassify.callbacks.sharding.SHARDED", SingleDeviceStrategy)
    with pytest.warns(UserWarning, match="not explained: SingleDeviceStrategy divides the network"):
        assert explained_after_test(LeNet, tmp_path) == set()
    assert (tmp_path / "report" / "worst_predictions.png").is_file()


@pytest.mark.filterwarnings("ignore:.*sampler has shuffling enabled.*")
def test_images_in_another_order_are_not_shown_as_what_they_are_not(trainer: Trainer, tmp_path: Path) -> None:
    trainer.test(classifier(), loader_of_digits(shuffle=True), verbose=False)
    assert not (tmp_path / "report" / "worst_predictions.png").exists()
    assert (tmp_path / "report" / "confusion_matrix.png").is_file()


LABEL_PICTURES = {
    *("label_scores", "precision_and_recall", "roc", "wrong_labels", "wrong_labels_explained"),
    *("missed_labels", "missed_labels_explained"),
}


def test_several_labels_are_reported_on(tmp_path: Path) -> None:
    digits = load_digits()
    # Whether a digit is odd, is at most 4, is 7, or is 10, which none is.
    targets = np.stack([digits.target % 2 == 1, digits.target <= 4, digits.target == 7, digits.target == 10], axis=1)
    images = torch.from_numpy(digits.images / 16).float()[:, None]
    torch.manual_seed(0)
    names = ["odd", "small", "seven", "ten"]
    model = MultiLabelClassifier(LeNet, AdamW, names, criterion=nn.BCEWithLogitsLoss(), threshold=0.51)
    trainer = Trainer(
        accelerator="cpu",
        logger=TensorBoardLogger(tmp_path, name="", version=""),
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[TestReport(resamples=5, gallery=3, explain=2), MetricsFile(tmp_path / "metrics.json")],
    )
    trainer.test(model, DataLoader(TensorDataset(images, torch.from_numpy(targets)), batch_size=500), verbose=False)
    model.eval()
    with torch.no_grad():
        predicted = (model(images).sigmoid() > 0.51).numpy()
    expected = precision_recall_fscore_support(targets, predicted, average=None, zero_division=0)
    with (tmp_path / "report" / "labels.csv").open() as file:
        rows = {row["label"]: row for row in csv.DictReader(file)}
    for k, name in enumerate(names):
        scores = [float(rows[name][column]) for column in ("precision", "recall", "f1", "images")]
        assert scores == pytest.approx([column[k] for column in expected], abs=6e-5)
    assert rows["ten"]["average_precision"] == "undefined"
    assert {path.stem for path in (tmp_path / "report").glob("*.png")} == LABEL_PICTURES
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    means = ("acc", "exact_match", "precision", "recall", "f1", "precision_micro", "recall_micro", "f1_micro")
    assert set(metrics) == {f"test_{name}" for name in (*means, "auroc", "map", "loss")}
    assert metrics["test_precision"] == pytest.approx(np.mean(expected[0]))
    written = predictions(tmp_path)
    assert [row["target"].split(";") for row in written[:2]] == [["small"], ["odd", "small"]]
    right = np.mean([row["target"] == row["label"] for row in written])
    assert right == pytest.approx(metrics["test_exact_match"])
    for part in ("Labels", "Averages", "Thresholds", "Wrong labels explained"):
        assert part in (tmp_path / "report.html").read_text()
        assert f"## {part}" in (tmp_path / "report.md").read_text()
    found = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    found.Reload()
    assert {tag.removeprefix("test/") for tag in found.Tags()["images"]} == LABEL_PICTURES
    assert {tag for tag in found.Tags()["tensors"] if "/pr/" in tag} == {
        f"test/pr/{n}" for n in ("odd", "small", "seven")
    }


def test_another_model_is_refused(trainer: Trainer) -> None:
    class Other(LightningModule):
        def test_step(self, batch: object, batch_idx: int) -> None: ...

    with pytest.raises(UserError, match="TestReport is for an ImageClassifier, got Other: leave it out"):
        trainer.test(Other(), loader_of_digits(), verbose=False)


class Identity(nn.Module):
    """Takes pixels for logits."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def predict_logits(trainer: Trainer, logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Test a classifier that gives logits (N, 4); images are named `0.png`, `1.png`, …"""
    trainer.callbacks[0].gallery = 0  # type: ignore[attr-defined]
    dataset = TensorDataset(logits.view(-1, 1, 2, 2), targets)
    dataset.paths = [f"{i}.png" for i in range(len(logits))]  # type: ignore[attr-defined]
    criterion = nn.CrossEntropyLoss() if targets.dim() == 1 else nn.BCEWithLogitsLoss()
    model = ImageClassifier if targets.dim() == 1 else MultiLabelClassifier
    trainer.test(model(Identity, AdamW, list("abcd"), criterion=criterion), DataLoader(dataset, 5), verbose=False)


ONE_CLASS, LABELS = torch.arange(12) % 4, (torch.arange(48) % 3 == 0).view(12, 4)


@pytest.mark.parametrize("targets", [ONE_CLASS, LABELS], ids=["class", "labels"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_no_numbers_are_refused(trainer: Trainer, value: float, targets: torch.Tensor) -> None:
    logits = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    logits[7, 1] = logits[9, 2] = value
    with pytest.raises(UserError, match=r"gives nan or inf for 2 of 12 images, such as '7\.png': its weights are not"):
        predict_logits(trainer, logits, targets)


def test_images_without_any_class_are_refused(trainer: Trainer) -> None:
    logits = torch.zeros(12, 4)
    logits[8] = -torch.inf
    with pytest.raises(UserError, match=r"for 1 of 12 images, such as '8\.png'"):
        predict_logits(trainer, logits, ONE_CLASS)


@pytest.mark.parametrize("targets", [ONE_CLASS, LABELS], ids=["class", "labels"])
def test_a_class_that_is_ruled_out_is_reported_on(trainer: Trainer, tmp_path: Path, targets: torch.Tensor) -> None:
    logits = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    logits[:, 3] = -torch.inf
    predict_logits(trainer, logits, targets)
    assert not any("d" in row["label"] for row in predictions(tmp_path))
    assert len(predictions(tmp_path)) == 12
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize("argument", ["resamples", "gallery", "explain"])
def test_negative_numbers_are_refused(argument: str) -> None:
    with pytest.raises(UserError, match=f"{argument} must be at least 0, got -1"):
        TestReport(**{argument: -1})


def test_a_recipe_changes_the_report(tmp_path: Path) -> None:
    words = ["--trainer.callbacks+=TestReport", "--trainer.callbacks.gallery=0"]
    main(["fit", *SMALL, "--test_after_fit", "true", *words])
    (run,) = Path("runs").glob("*/*")
    assert not (run / "report" / "worst_predictions.png").exists()
    assert (run / "report.html").is_file()
