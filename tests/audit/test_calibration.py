import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator

from litclassify.audit.calibration import calibrated as calibrated_in_parts
from litclassify.temperature import ROWS_AT_ONCE, Floats

GENERATOR = np.random.default_rng(0)


def calibrated(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Floats:
    parts = [*calibrated_in_parts(probabilities, targets)]
    assert max(map(len, parts)) <= ROWS_AT_ONCE
    return np.concatenate(parts)


def drawn(num_images: int, num_classes: int, temperature: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Probabilities whose logits are `temperature` times too large, and targets that are drawn by the right ones."""
    logits = GENERATOR.normal(scale=2, size=(num_images, num_classes))
    # The largest sum of logit and Gumbel noise is a draw from their softmax.
    targets = (logits + GENERATOR.gumbel(size=logits.shape)).argmax(axis=1)
    return softmax(logits * temperature, axis=1), targets


def test_probabilities_are_those_of_scikit_learn() -> None:
    labels = GENERATOR.integers(3, size=600)
    features = GENERATOR.normal(size=(600, 5)) + labels[:, None]
    classifier = LinearDiscriminantAnalysis().fit(features, labels)
    targets = np.where(GENERATOR.random(600) < 0.2, GENERATOR.integers(3, size=600), labels)
    reference = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature", ensemble=False)
    expected = reference.fit(features, targets).predict_proba(features)
    np.testing.assert_allclose(calibrated(classifier.predict_proba(features), targets), expected, atol=1e-3)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 30.0])
def test_the_temperature_is_found_by_which_targets_were_drawn(temperature: float) -> None:
    sure, targets = drawn(20_000, 3, temperature)
    found = calibrated(sure, targets)
    ratios = [np.log(values[:, 0] / values[:, 1].clip(1e-300)) for values in (sure, found)]
    kept = (sure > 0).all(axis=1)
    assert np.median(ratios[0][kept] / ratios[1][kept]) == pytest.approx(temperature, rel=0.05)


def test_an_impossible_class_stays_so() -> None:
    sure, targets = drawn(200, 3, 5.0)
    with_another = np.column_stack([sure, np.zeros(200)])
    expected = np.column_stack([calibrated(sure, targets), np.zeros(200)])
    np.testing.assert_array_equal(calibrated(with_another, targets), expected)
    # An image of that class says nothing of the temperature.
    of_it = np.append(targets[:-1], 3)
    expected = calibrated(sure[:-1], targets[:-1])
    np.testing.assert_allclose(calibrated(with_another, of_it)[:-1, :3], expected, atol=1e-9)


def test_without_targets_to_go_by_probabilities_stay_as_they_are() -> None:
    sure = np.array([[0.7, 0.3, 0.0], [0.1, 0.9, 0.0]])
    np.testing.assert_allclose(calibrated(sure, np.array([2, 2])), sure)
    assert calibrated(np.empty((0, 3)), np.empty(0, np.int64)).shape == (0, 3)


def test_images_without_probabilities_stay_so_and_say_nothing() -> None:
    sure, targets = drawn(ROWS_AT_ONCE + 10, 3, 5.0)
    expected = calibrated(sure, targets)
    without = np.insert(sure, [0, 20], np.nan, axis=0)
    found = calibrated(without, np.insert(targets, [0, 20], 0))
    np.testing.assert_array_equal(np.isnan(found).any(axis=1).nonzero()[0], [0, 21])
    np.testing.assert_array_equal(np.delete(found, [0, 21], axis=0), expected)
