from pathlib import Path

import pytest
from lightning.pytorch.demos.boring_classes import BoringModel
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score
from tests.callbacks.observed import IMAGES, LABELS, TARGETS, events, train, train_labels
from tests.conftest import SMALL
from tests.models.test_image_classifier import quiet_trainer

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
