import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from litclassify.evaluation import Evaluation
from litclassify.evaluation.calibration import expected_calibration_error
from litclassify.temperature import TEMPERATURES, fit_temperature
from tests.evaluation.evaluations import at_random, of


def temperature_of(evaluation: Evaluation) -> float:
    return fit_temperature(evaluation.logits, evaluation.targets)


def test_the_temperature_is_that_of_a_gradient_descent() -> None:
    evaluation = at_random(num_images=2000)
    logits, targets = torch.from_numpy(evaluation.logits).double(), torch.from_numpy(evaluation.targets)
    temperature = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([temperature], max_iter=100, tolerance_grad=1e-10)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(logits / temperature, targets)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert temperature_of(evaluation) == pytest.approx(temperature.item(), abs=1e-4)


def test_a_temperature_takes_back_what_logits_were_multiplied_by() -> None:
    evaluation = at_random(num_images=2000)
    sharper = of(evaluation.logits * 7, evaluation.targets)
    assert temperature_of(sharper) == pytest.approx(7 * temperature_of(evaluation), rel=1e-3)
    before, after = sharper, sharper.at_temperature(temperature_of(sharper))
    errors = [expected_calibration_error(e.confidences, e.correct) for e in (before, after)]
    assert errors[1] < errors[0] / 3
    np.testing.assert_array_equal(before.predicted, after.predicted)


@pytest.mark.parametrize("targets", [[0, 1], [1, 0]])
def test_a_temperature_without_a_minimum_stays_in_its_range(targets: list[int]) -> None:
    assert TEMPERATURES[0] <= temperature_of(of([[1, 0], [0, 1]], targets)) <= TEMPERATURES[1]
