"""What all figures have in common."""

from collections.abc import Iterable
from itertools import accumulate
from unicodedata import east_asian_width

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litclassify.evaluation.figures.fonts import drawable
from litclassify.terminal import printable

# Told apart with any colour vision: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, SKY, GREEN, YELLOW, PURPLE = "#0072B2", "#D55E00", "#56B4E9", "#009E73", "#E69F00", "#CC79A7"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY)
GREY = "0.75"
DPI = 110
MAX_NAME = 18


def new_figure(width: float = 5.6, height: float = 4.6) -> tuple[Figure, Axes]:
    """Give a figure that belongs to no window, with one pair of axes; inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def unit_square(axes: Axes, x: str, y: str) -> None:
    """Show shares from 0 to 1 on both axes, which are named."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    axes.grid(color="0.92")
    axes.set_axisbelow(True)


def shortened(names: Iterable[str]) -> list[str]:
    """Cut long names, as `cut` does."""
    # One that begins with an underscore would have no entry in a legend.
    return [f" {name}" if name.startswith("_") else name for name in (cut(name, MAX_NAME) for name in names)]


def cut(text: str, width: int, *, keeps_end: bool = False) -> str:
    """Cut a long text; a dollar sign in it begins no formula, and what has no glyph is spelled out.

    Args:
        text: May hold names from anybody's data.
        width: In letters; those of Chinese, Japanese and Korean count as two.
        keeps_end: Whether the beginning is cut off.
    """
    pieces = [drawable(character) for character in printable(text)]
    if sum(map(_width, pieces)) > width:
        ordered = pieces[::-1] if keeps_end else pieces
        ends = accumulate(map(_width, ordered))
        kept = [piece for piece, end in zip(ordered, ends, strict=True) if end < width]
        pieces = ["…", *kept[::-1]] if keeps_end else [*kept, "…"]
    return "".join(pieces).replace("$", r"\$")


def _width(piece: str) -> int:
    return sum(2 if east_asian_width(character) in "FW" else 1 for character in piece)
