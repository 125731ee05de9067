import math

import pytest
from scipy import stats

from litclassify.cli.series.estimate import Estimate, estimate

VALUES = [0.981, 0.975, 0.992, 0.983, 0.969]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_interval_is_that_of_scipy(n: int) -> None:
    found = estimate(VALUES[:n])
    low, high = stats.t.interval(0.95, n - 1, loc=found.mean, scale=stats.sem(VALUES[:n]))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.std == pytest.approx(stats.tstd(VALUES[:n]))


def test_interval_follows_the_printed_table_of_student_t() -> None:
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.high == pytest.approx(3 + 2.776 * math.sqrt(2.5) / math.sqrt(5), abs=1e-3)


def test_a_single_value_has_a_mean_and_no_spread() -> None:
    assert estimate([0.5]) == Estimate(1, 0.5)
