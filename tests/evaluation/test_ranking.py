import numpy as np
import pytest

from litclassify.evaluation.ranking import area_under_roc, threshold_curve


@pytest.mark.parametrize("positives", [5, 500, 9_990])
def test_a_thinned_curve_runs_along_the_whole_one(positives: int) -> None:
    generator = np.random.default_rng(0)
    has_it = np.arange(10_000) < positives
    curve = threshold_curve(generator.normal(size=10_000) + has_it, has_it)
    thinned = curve.thinned(steps=100)
    assert len(thinned.hits) <= 202
    assert thinned.hits[0] == thinned.false_alarms[0] == 0
    assert (thinned.hits[-1], thinned.false_alarms[-1]) == (positives, 10_000 - positives)
    point_before = np.searchsorted(*(each.hits + each.false_alarms for each in (thinned, curve)), side="right") - 1
    for whole, drawn in (
        (curve.recall, thinned.recall),
        (curve.false_positive_rate, thinned.false_positive_rate),
    ):
        assert 0 <= (whole - drawn[point_before]).max() <= 0.01
    assert area_under_roc(thinned) == pytest.approx(area_under_roc(curve), abs=0.01)


def test_a_short_curve_stays_whole() -> None:
    curve = threshold_curve(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False]))
    np.testing.assert_array_equal(curve.thinned(), curve)


@pytest.mark.parametrize("has_it", [True, False])
def test_a_curve_of_one_kind_is_thinned(has_it: bool) -> None:
    thinned = threshold_curve(np.arange(5000.0), np.full(5000, has_it)).thinned()
    assert len(thinned.hits) == 501
