from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from sklearn.metrics import (
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)
from tests.callbacks.observed import IMAGES, LABELS, TARGETS, DrawingNetwork, classifier, events, train, train_labels
from tests.conftest import SMALL
from tests.models.test_image_classifier import quiet_trainer
from torch import Tensor, nn

from litclassify.callbacks import ValidationMetrics
from litclassify.cli import main
from litclassify.errors import UserError


def test_metrics_are_those_of_scikit_learn(tmp_path: Path) -> None:
    outcome = train(tmp_path, ValidationMetrics(["f1", "auroc"]))
    model, metrics = outcome["trainer"].model, outcome["metrics"]
    model.network.eval()
    outputs = model(IMAGES[20:]).detach()
    targets = TARGETS[20:]
    assert float(metrics["val_f1"]) == pytest.approx(f1_score(targets, outputs.argmax(1), average="macro"))
    auroc = roc_auc_score(targets, outputs.softmax(1), multi_class="ovr")
    assert float(metrics["val_auroc"]) == pytest.approx(auroc, abs=1e-6)


def test_those_of_counts_are_those_of_scikit_learn_and_hold_no_logits(tmp_path: Path) -> None:
    held = []

    class Watched(ValidationMetrics):
        def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            held.extend(tensor.dim() for batch in self._outputs._batches for tensor in batch)
            super().on_validation_epoch_end(trainer, pl_module)

    names = ["precision", "recall", "f1", "kappa", "mcc"]
    outcome = train(tmp_path, Watched(names))
    model, metrics = outcome["trainer"].model, outcome["metrics"]
    model.network.eval()
    predicted, targets = model(IMAGES[20:]).detach().argmax(1), TARGETS[20:]
    macro = {"average": "macro", "zero_division": 0}
    expected = {
        "precision": precision_score(targets, predicted, **macro),
        "recall": recall_score(targets, predicted, **macro),
        "f1": f1_score(targets, predicted, **macro),
        "kappa": cohen_kappa_score(targets, predicted),
        "mcc": matthews_corrcoef(targets, predicted),
    }
    assert {name: float(metrics[f"val_{name}"]) for name in names} == pytest.approx(expected)
    assert set(held) == {1}


@pytest.mark.parametrize("names", [["f1"], ["f1", "nll"]])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_images_without_an_answer_are_refused(tmp_path: Path, names: list[str], value: float) -> None:
    class Spoilt(DrawingNetwork):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return logits if self.training else logits.index_fill(1, torch.tensor([1]), value)

    model = classifier(
        Spoilt, criterion=nn.CrossEntropyLoss()
    )  # The default one is shared, and would stay in evaluation.
    with pytest.raises(UserError, match="24 of 24 images"):
        train(tmp_path, ValidationMetrics(names), model=model, num_sanity_val_steps=0)


def test_of_several_labels_they_are_those_of_scikit_learn(tmp_path: Path) -> None:
    outcome = train_labels(tmp_path, ValidationMetrics(["f1", "recall", "precision_micro", "auroc"]))
    model, metrics = outcome["trainer"].model, outcome["metrics"]
    model.network.eval()
    probabilities = model(IMAGES[20:]).detach().sigmoid()
    targets, predicted = LABELS[20:], probabilities > 0.4
    assert float(metrics["val_f1"]) == pytest.approx(f1_score(targets, predicted, average="macro"))
    assert float(metrics["val_recall"]) == pytest.approx(recall_score(targets, predicted, average="macro"))
    assert float(metrics["val_precision_micro"]) == pytest.approx(precision_score(targets, predicted, average="micro"))
    assert float(metrics["val_auroc"]) == pytest.approx(roc_auc_score(targets, probabilities), abs=1e-6)


def test_every_validation_is_a_point(tmp_path: Path) -> None:
    train(tmp_path, ValidationMetrics())
    found = events(tmp_path)
    assert [point.step for point in found.Scalars("val_f1")] == [point.step for point in found.Scalars("val_loss")]
    assert "val_auroc" not in found.Tags()["scalars"]


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="'aurok' is not a metric. Did you mean 'auroc'"):
        ValidationMetrics(["aurok"])
    with pytest.raises(UserError, match="'acc' is not"):
        ValidationMetrics(["acc"])


def test_names_that_do_not_go_with_the_images_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'mcc' is not a metric of images with several labels. There are exact_match"):
        train_labels(tmp_path, ValidationMetrics(["mcc"]))
    with pytest.raises(UserError, match="'recall_micro' is not .* one class each. Did you mean 'recall'"):
        train(tmp_path, ValidationMetrics(["recall_micro"]))


def test_no_other_model_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ValidationMetrics is for an ImageClassifier, got BoringModel: leave it out"):
        quiet_trainer(max_epochs=1, callbacks=[ValidationMetrics()], default_root_dir=tmp_path).fit(BoringModel())


def test_a_checkpoint_goes_by_them() -> None:
    names = ["--trainer.callbacks+=ValidationMetrics", "--trainer.callbacks.names=[f1, mcc]"]
    main(["fit", *SMALL, *names, "--checkpoint.monitor", "val_mcc"])
    (run,) = Path("runs").glob("*/*")
    found = events(run)
    (best,) = found.Scalars("best_val_mcc")
    assert best.value == max(point.value for point in found.Scalars("val_mcc"))


def test_validate_reports_them(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fit", *SMALL])
    capsys.readouterr()
    main(["validate", "--ckpt_path", "best", "--trainer.enable_progress_bar", "false"])
    assert "val_f1" in capsys.readouterr().out
