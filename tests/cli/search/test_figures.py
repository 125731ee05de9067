"""Pictures of searches show what was measured, and what was found."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litclassify.cli.search.batch_size import BatchSizeSearch, Measured
from litclassify.cli.search.figures import batch_size_figure, rate_figure, rendered

SPEEDS = {16: 100.0, 32: 190.0, 64: 200.0}


def line(axes: Axes, label: str) -> NDArray[np.float64]:
    """Give the points of a line, (n, 2)."""
    (found,) = (line for line in axes.lines if line.get_label() == label)
    return np.asarray(found.get_xydata())


def mark(figure: Figure) -> tuple[float, str]:
    """Give where the vertical line stands, and the words above it."""
    axes = figure.axes[0]
    first, last = axes.lines[-1].get_xdata()
    assert first == last
    return float(first), axes.get_title()


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_losses_over_rates_are_drawn_with_the_rate_that_was_found() -> None:
    rates = [10.0**exponent for exponent in range(-4, 1)]
    figure = rate_figure(rates, [4.0, 3.0, 2.0, 1.0, 0.0], found=0.01)
    assert figure.axes[0].get_xscale() == "log"
    assert np.array_equal(figure.axes[0].lines[0].get_xydata(), np.column_stack([rates, [4, 3, 2, 1, 0]]))
    assert mark(figure) == (0.01, "lr 0.01")


def test_speeds_and_memory_over_batch_sizes_are_drawn_with_the_size_that_was_found() -> None:
    figure = batch_size_figure(SPEEDS, 190.0, 32, [128], {16: 2**20, 32: 2**21, 64: 2**22})
    left, right = figure.axes
    assert line(left, "speed").tolist() == [[16, 100], [32, 190], [64, 200]]
    assert line(left, "out of memory").tolist() == [[128, 0]]
    assert line(right, "memory").tolist() == [[16, 1], [32, 2], [64, 4]]
    assert [label.get_text() for label in left.get_xticklabels()] == ["16", "32", "64", "128"]
    assert mark(figure) == (32, "batch_size 32")
    assert legend(figure) == ["fast enough", "speed", "out of memory", "memory"]


def test_the_legend_names_only_what_is_drawn() -> None:
    figure = batch_size_figure(SPEEDS, 190.0, 32)
    assert len(figure.axes) == 1
    assert legend(figure) == ["fast enough", "speed"]


def test_the_legend_lies_within_the_picture() -> None:
    figure = batch_size_figure(SPEEDS, 190.0, 32, [128], {16: 2**20})
    rendered(figure)
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert box.x0 >= page.x0
    assert box.x1 <= page.x1


@pytest.mark.parametrize("memory", [None, 2**30])
def test_a_single_size_is_drawn_too(memory: int | None) -> None:
    picture = BatchSizeSearch([Measured(16, 100.0, memory, is_whole=True)], 16).picture
    assert picture.mode == "RGB"
    assert len(picture.getcolors(maxcolors=2**16) or []) > 3
