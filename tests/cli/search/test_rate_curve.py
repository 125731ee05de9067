import numpy as np
import pytest
from PIL import ImageColor

from litclassify.cli.search.rate_curve import CURVE, HEIGHT, MARGIN, MARK, WIDTH, draw_curve


def places_of(color: str, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero((picture == ImageColor.getrgb(color)).all(axis=2))
    inside = rows > MARGIN
    return rows[inside], columns[inside]


def test_a_line_over_decades_is_a_line_with_the_mark_where_it_belongs() -> None:
    rates = [10.0**exponent for exponent in range(-4, 1)]
    picture = np.asarray(draw_curve(rates, [4.0, 3.0, 2.0, 1.0, 0.0], found=0.01))
    rows, columns = places_of(CURVE, picture)
    slope, _ = np.polyfit(columns, rows, 1)
    assert slope == pytest.approx((HEIGHT - 2 * MARGIN) / (WIDTH - 2 * MARGIN), rel=0.02)
    assert places_of(MARK, picture)[1].mean() == pytest.approx(WIDTH / 2, abs=1)


def test_equal_losses_are_drawn_too() -> None:
    assert draw_curve([0.1, 1.0], [2.0, 2.0], found=0.5).size == (WIDTH, HEIGHT)
