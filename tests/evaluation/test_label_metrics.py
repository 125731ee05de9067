from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap
from sklearn import metrics as sklearn
from torch.nn.functional import binary_cross_entropy_with_logits

from litclassify.evaluation import (
    LABEL_METRICS,
    LabelEvaluation,
    class_table,
    label_intervals,
    some_metrics,
    summary,
)
from litclassify.metrics import MultiLabelMetrics
from tests.evaluation.evaluations import LABELS, labels_at_random, labels_of, scores_of
from tests.evaluation.test_metrics import ALIKE, UNDEFINED

EVERY = pytest.mark.parametrize("evaluation", LABELS.values(), ids=list(LABELS))


def by_label(score: Any, evaluation: LabelEvaluation) -> np.ndarray:
    """Score each label with scikit-learn; nan where it is not defined."""
    values = []
    for k, has_it in enumerate(evaluation.targets.T):
        scores = scores_of(evaluation, k)
        undefined = not has_it.any() or (score is sklearn.roc_auc_score and has_it.all())
        values.append(float("nan") if undefined else score(has_it, scores))
    return np.array(values)


def mean_of_defined(values: np.ndarray) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return sum(defined) / len(defined) if defined else float("nan")


@UNDEFINED
@EVERY
def test_scores_of_labels_are_those_of_scikit_learn(evaluation: LabelEvaluation) -> None:
    table = class_table(evaluation)
    expected = sklearn.precision_recall_fscore_support(
        evaluation.targets, evaluation.probabilities > evaluation.threshold, average=None, zero_division=0
    )
    np.testing.assert_allclose([table.precision, table.recall, table.f1, table.support], expected, **ALIKE)
    np.testing.assert_allclose(table.auroc, by_label(sklearn.roc_auc_score, evaluation), **ALIKE)
    expected_precision = by_label(sklearn.average_precision_score, evaluation)
    np.testing.assert_allclose(table.average_precision, expected_precision, **ALIKE)


def test_a_label_that_all_images_have_counts_in_the_map_and_not_in_the_auroc() -> None:
    table = class_table(LABELS["a label that all have"])
    figures = summary(LABELS["a label that all have"], table)
    assert figures["map"] == pytest.approx((table.average_precision[:-1].sum() + 1) / 5)
    assert figures["auroc"] == pytest.approx(table.auroc[:-1].mean())


def test_a_label_without_images_has_no_ranking_and_scores_of_0() -> None:
    table = class_table(LABELS["a label without images"])
    assert (table.support[-1], table.precision[-1], table.recall[-1], table.f1[-1]) == (0, 0, 0, 0)
    assert np.isnan([table.auroc[-1], table.average_precision[-1]]).all()
    assert not np.isnan([table.auroc[:-1], table.average_precision[:-1]]).any()


@UNDEFINED
@EVERY
def test_figures_of_all_labels_are_those_of_scikit_learn(evaluation: LabelEvaluation) -> None:
    pair = (evaluation.targets, evaluation.predicted)
    expected = {
        "acc": 1 - sklearn.hamming_loss(*pair),
        "exact_match": sklearn.accuracy_score(*pair),
        "map": mean_of_defined(by_label(sklearn.average_precision_score, evaluation)),
        "auroc": mean_of_defined(by_label(sklearn.roc_auc_score, evaluation)),
    }
    for average, ending in (("macro", ""), ("micro", "_micro")):
        scores = sklearn.precision_recall_fscore_support(*pair, average=average, zero_division=0)
        expected |= dict(zip((f"precision{ending}", f"recall{ending}", f"f1{ending}"), scores[:3], strict=True))
    figures = summary(evaluation, class_table(evaluation))
    assert figures.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(figures[name], value, **ALIKE, err_msg=name)


@EVERY
def test_figures_are_those_that_the_classifier_logs(evaluation: LabelEvaluation) -> None:
    metrics = MultiLabelMetrics(len(evaluation.class_names), "", threshold=evaluation.threshold, ranked=True)
    metrics.add(torch.tensor(0.0), torch.from_numpy(evaluation.logits), torch.from_numpy(evaluation.targets))
    metrics.finish()
    figures = summary(evaluation, class_table(evaluation))
    for name in ("acc", "exact_match", "f1", "f1_micro", "map"):
        np.testing.assert_allclose(float(metrics[name].compute()), figures[name], **ALIKE, err_msg=name)


@EVERY
def test_the_loss_is_that_of_torch(evaluation: LabelEvaluation) -> None:
    logits, targets = torch.from_numpy(evaluation.logits), torch.from_numpy(evaluation.targets).float()
    expected = binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
    np.testing.assert_allclose(evaluation.losses, expected.numpy(), rtol=1e-6, atol=1e-6)


def test_a_label_that_is_ruled_out_costs_nothing_where_it_is_missing() -> None:
    evaluation = labels_of([[1, -np.inf], [1, -np.inf]], [[1, 0], [1, 1]])
    assert evaluation.losses.tolist() == pytest.approx([np.log1p(np.exp(-1)) / 2, np.inf])


@EVERY
def test_every_figure_lies_in_its_interval(evaluation: LabelEvaluation) -> None:
    figures, intervals = summary(evaluation, class_table(evaluation)), label_intervals(evaluation, 250)
    assert intervals.keys() == figures.keys() - {"auroc", "map"}
    for name, (low, high) in intervals.items():
        assert low - 1e-6 <= figures[name] <= high + 1e-6, name


def test_intervals_are_those_of_drawing_images() -> None:
    evaluation = labels_at_random(num_images=300)
    intervals = label_intervals(evaluation, 4000)
    for name, score in {
        "f1": lambda rows: sklearn.f1_score(
            evaluation.targets[rows], evaluation.predicted[rows], average="macro", zero_division=0
        ),
        "exact_match": lambda rows: evaluation.correct[rows].mean(),
    }.items():
        expected = bootstrap(
            (np.arange(300),),
            score,
            vectorized=False,
            n_resamples=300,
            method="percentile",
            rng=np.random.default_rng(1),
        ).confidence_interval
        assert intervals[name] == pytest.approx((expected.low, expected.high), abs=0.02), name


def test_a_label_is_predicted_above_the_threshold_and_not_at_it() -> None:
    evaluation = labels_of([[0.0, 1e-3]], [[1, 1]])
    assert evaluation.predicted.tolist() == [[False, True]]
    assert evaluation.predicted_above(0.4).tolist() == [[True, True]]


@EVERY
def test_some_metrics_are_those_of_all(evaluation: LabelEvaluation) -> None:
    expected = summary(evaluation, class_table(evaluation))
    assert tuple(expected) == LABEL_METRICS.names
    for names in (["recall_micro", "exact_match"], ["f1", "map"]):
        some = some_metrics(evaluation, names)
        assert some == pytest.approx({name: expected[name] for name in names}, nan_ok=True)
