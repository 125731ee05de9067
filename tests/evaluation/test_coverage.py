import numpy as np
import pytest
import torch

from litclassify.evaluation.coverage import coverage_curve, threshold_keeping
from litclassify.rejection import ConfidenceThreshold, EnergyThreshold, Rejection
from tests.evaluation.evaluations import at_random


def test_everything_kept_has_the_accuracy_of_all_and_the_surest_are_better() -> None:
    evaluation = at_random(num_images=2000)
    curve = coverage_curve(evaluation, evaluation.confidences)
    assert curve.shares[-1] == 1
    assert curve.accuracies[-1] == pytest.approx(evaluation.correct.mean())
    assert curve.accuracies[len(evaluation) // 2] > curve.accuracies[-1] + 0.05


@pytest.mark.parametrize("share", [1.0, 0.9, 0.5, 0.0])
def test_a_threshold_keeps_its_share(share: float) -> None:
    scores = np.random.default_rng(0).normal(size=200)
    kept = (scores >= threshold_keeping(scores, share)).sum()
    assert kept == max(1, round(share * 200))


@pytest.mark.parametrize(("cls", "scores"), [(ConfidenceThreshold, "confidences"), (EnergyThreshold, "energies")])
def test_predictions_are_rejected_at_the_threshold_of_the_report(cls: type[Rejection], scores: str) -> None:
    evaluation = at_random()
    values = getattr(evaluation, scores)
    threshold = threshold_keeping(values, 0.7)
    accepted = cls(threshold).accepts(torch.from_numpy(evaluation.logits), torch.from_numpy(evaluation.probabilities))
    assert abs(int(accepted.sum()) - 0.7 * len(evaluation)) <= 1
