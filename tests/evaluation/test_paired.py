import numpy as np
import pytest

from litclassify.evaluation.paired import mcnemar_test


def answers(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_first, only_second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize(
    ("counts", "p_value"),
    [
        # Agresti, Categorical Data Analysis, section 10.1: approval at two surveys, 150 against 86.
        ((794, 150, 86, 570), 3.716e-05),
        ((10, 0, 5, 3), 2 * 0.5**5),
        ((7, 4, 4, 1), 1.0),
        ((7, 0, 0, 1), 1.0),
    ],
)
def test_the_p_value_is_that_of_the_binomial(counts: tuple[int, ...], p_value: float) -> None:
    test = mcnemar_test(*answers(*counts))
    assert test[:2] == counts[1:3]
    assert test.p_value == pytest.approx(p_value, rel=1e-3)


def test_it_does_not_matter_which_comes_first() -> None:
    first, second = answers(3, 9, 2, 1)
    assert mcnemar_test(first, second).p_value == mcnemar_test(second, first).p_value
