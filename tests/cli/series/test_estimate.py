import math

import pytest
from scipy import stats

from litclassify.cli.series.estimate import Estimate, estimate

VALUES = [0.981, 0.975, 0.992, 0.983, 0.969]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_interval_is_that_of_scipy(n: int) -> None:
    found = estimate(VALUES[:n], "val_loss")
    low, high = stats.t.interval(0.95, n - 1, loc=found.mean, scale=stats.sem(VALUES[:n]))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.std == pytest.approx(stats.tstd(VALUES[:n]))


def test_interval_follows_the_printed_table_of_student_t() -> None:
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0], "val_loss")
    assert found.high == pytest.approx(3 + 2.776 * math.sqrt(2.5) / math.sqrt(5), abs=1e-3)


def test_a_single_value_has_a_mean_and_no_spread() -> None:
    assert estimate([0.5], "val_acc") == Estimate(1, 0.5)


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [
        *[(name, (0, 1)) for name in ("val_acc", "test_f1_micro", "test_auroc", "test_average_precision", "val_map")],
        *[("test_kappa", (-1, 1)), ("val_loss", (-math.inf, math.inf)), ("my_figure", (-math.inf, math.inf))],
    ],
)
def test_an_interval_ends_where_its_metric_does(metric: str, bounds: tuple[float, float]) -> None:
    for values in ([0.0, 0.9], [0.1, 1.0]):
        found, free = estimate(values, metric), estimate(values, "")
        assert (free.low, free.high) == pytest.approx(stats.t.interval(0.95, 1, free.mean, stats.sem(values)))
        assert (found.low, found.high) == (max(free.low, bounds[0]), min(free.high, bounds[1]))
        assert (found.mean, found.std) == (free.mean, free.std)


def test_a_metric_in_percent_has_the_interval_of_its_values() -> None:
    assert estimate([81.0, 93.0], "my_accuracy") == estimate([81.0, 93.0], "")
