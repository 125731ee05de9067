import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score

from litclassify.evaluation import Evaluation, bootstrap_intervals, class_table, summary
from tests.evaluation.evaluations import DEGENERATE, at_random


def test_intervals_are_those_of_drawing_images() -> None:
    evaluation = at_random(num_images=300)
    intervals = bootstrap_intervals(evaluation, resamples=4000)

    def score(targets: np.ndarray, predicted: np.ndarray) -> float:
        return float(f1_score(targets, predicted, average="macro"))

    expected = bootstrap(
        (evaluation.targets, evaluation.predicted),
        score,
        paired=True,
        vectorized=False,
        n_resamples=200,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert intervals["f1"] == pytest.approx((expected.low, expected.high), abs=0.015)


def test_the_interval_of_the_accuracy_is_that_of_a_binomial() -> None:
    evaluation = at_random(num_images=2000)
    share = evaluation.correct.mean()
    half_width = 1.96 * np.sqrt(share * (1 - share) / 2000)
    assert bootstrap_intervals(evaluation, 2000)["acc"] == pytest.approx(
        (share - half_width, share + half_width), abs=0.002
    )


@pytest.mark.parametrize("evaluation", DEGENERATE.values(), ids=list(DEGENERATE))
def test_every_figure_lies_in_its_interval(evaluation: Evaluation) -> None:
    figures = summary(evaluation, class_table(evaluation))
    for name, (low, high) in bootstrap_intervals(evaluation, 200).items():
        assert np.isnan([figures[name], low]).all() or low - 1e-9 <= figures[name] <= high + 1e-9, name


def test_a_target_that_is_ruled_out_has_an_infinite_loss_without_an_interval() -> None:
    evaluation = at_random()
    evaluation.logits[evaluation.targets == 0, 0] = -np.inf
    assert evaluation.losses.max() == np.inf
    assert np.isnan(bootstrap_intervals(evaluation, 50)["nll"]).all()


def test_intervals_are_the_same_every_time() -> None:
    assert bootstrap_intervals(at_random(), 50) == bootstrap_intervals(at_random(), 50)
