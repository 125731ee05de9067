from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn
from torchmetrics.functional.classification import multiclass_calibration_error

from litclassify.evaluation import Evaluation, class_table, summary
from tests.evaluation.evaluations import DEGENERATE, at_random, of, scores_of

ALIKE: dict[str, Any] = {"rtol": 0, "atol": 1e-6, "equal_nan": True}
# Where scikit-learn warns that a share of nothing is 0, or that a score of one class is undefined.
UNDEFINED = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.UndefinedMetricWarning",
    "ignore:.*y_pred contains classes not in y_true.*",
    "ignore:.*single label was found.*",
    "ignore:invalid value encountered:RuntimeWarning",
    "ignore:No positive class found in y_true.*",
)


def one_against_rest(score: Any, evaluation: Evaluation) -> np.ndarray:
    """Score each class against the rest with scikit-learn; nan where it is not defined."""
    values = []
    for k in range(evaluation.num_classes):
        positives, scores = evaluation.targets == k, scores_of(evaluation, k)
        undefined = not positives.any() or (score is sklearn.roc_auc_score and positives.all())
        values.append(float("nan") if undefined else score(positives, scores))
    return np.array(values)


@UNDEFINED
@pytest.mark.parametrize("evaluation", DEGENERATE.values(), ids=list(DEGENERATE))
def test_scores_of_classes_are_those_of_scikit_learn(evaluation: Evaluation) -> None:
    table, (targets, predicted) = class_table(evaluation), (evaluation.targets, evaluation.predicted)
    labels = np.arange(evaluation.num_classes)
    expected = sklearn.precision_recall_fscore_support(targets, predicted, labels=labels, zero_division=0)
    np.testing.assert_allclose([table.precision, table.recall, table.f1, table.support], expected, **ALIKE)
    np.testing.assert_allclose(table.auroc, one_against_rest(sklearn.roc_auc_score, evaluation), **ALIKE)
    expected_precision = one_against_rest(sklearn.average_precision_score, evaluation)
    np.testing.assert_allclose(table.average_precision, expected_precision, **ALIKE)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_recall_is_the_balanced_accuracy_unless_a_class_without_images_is_predicted() -> None:
    logits, targets = np.eye(3)[[0, 1] * 50], np.array([0, 1] * 50)
    for predicted, expected in ((1, 0.99), (2, 0.66)):
        logits[0] = np.eye(3)[predicted]
        evaluation = of(logits, targets)
        assert sklearn.balanced_accuracy_score(targets, evaluation.predicted) == pytest.approx(0.99)
        assert summary(evaluation, class_table(evaluation))["recall"] == pytest.approx(expected)


@UNDEFINED
@pytest.mark.parametrize("evaluation", DEGENERATE.values(), ids=list(DEGENERATE))
def test_figures_of_all_classes_are_those_of_scikit_learn(evaluation: Evaluation) -> None:
    figures = summary(evaluation, class_table(evaluation))
    pair = (evaluation.targets, evaluation.predicted)
    labels = np.arange(evaluation.num_classes)
    averages = sklearn.precision_recall_fscore_support(*pair, average="macro", zero_division=0)
    expected = {
        "acc": sklearn.accuracy_score(*pair),
        **dict(zip(("precision", "recall", "f1"), averages[:3], strict=True)),
        "kappa": sklearn.cohen_kappa_score(*pair),
        "mcc": sklearn.matthews_corrcoef(*pair),
        "brier": ((evaluation.probabilities.astype(float) - np.eye(len(labels))[evaluation.targets]) ** 2)
        .sum(axis=1)
        .mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(figures[name], value, **ALIKE, err_msg=name)


@pytest.mark.parametrize("name", [name for name in DEGENERATE if name != "huge logits"])
def test_the_loss_is_that_of_scikit_learn(name: str) -> None:
    evaluation = DEGENERATE[name]
    exact = torch.from_numpy(evaluation.logits).double().softmax(dim=1).numpy()
    expected = sklearn.log_loss(evaluation.targets, exact, labels=np.arange(evaluation.num_classes))
    assert summary(evaluation, class_table(evaluation))["nll"] == pytest.approx(expected, abs=1e-6)


def test_the_loss_of_huge_logits_is_finite() -> None:
    evaluation = DEGENERATE["huge logits"]
    assert summary(evaluation, class_table(evaluation))["nll"] == pytest.approx(2000 / 3)


@pytest.mark.parametrize("evaluation", DEGENERATE.values(), ids=list(DEGENERATE))
def test_the_calibration_error_is_that_of_torchmetrics(evaluation: Evaluation) -> None:
    probabilities = torch.from_numpy(evaluation.probabilities)
    if evaluation.num_classes == 2:
        pytest.skip("torchmetrics takes two classes for one probability")
    expected = multiclass_calibration_error(
        probabilities, torch.from_numpy(evaluation.targets), num_classes=evaluation.num_classes, n_bins=15
    )
    assert summary(evaluation, class_table(evaluation))["ece"] == pytest.approx(float(expected), abs=1e-6)


def test_both_of_two_classes_rank_their_images_alike_however_sure_the_network_is() -> None:
    evaluation = at_random(num_classes=2)
    sure = of(evaluation.logits * 20, evaluation.targets)
    assert len(np.unique(sure.probabilities[:, 1])) < 0.9 * len(sure)
    table, expected = class_table(sure), class_table(evaluation)
    assert table.auroc == pytest.approx(expected.auroc, abs=1e-12)
    assert table.auroc[0] == pytest.approx(table.auroc[1], abs=1e-12)
