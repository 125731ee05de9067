"""What searches have measured, as figures."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from litclassify.evaluation.figures.style import BLUE, GREEN, ORANGE, new_figure

WIDTH, HEIGHT = 6.4, 4.2


def rendered(figure: Figure) -> Image.Image:
    """Give the pixels of a figure, RGB."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")


def rate_figure(rates: Sequence[float], losses: Sequence[float], found: float) -> Figure:
    """Draw losses over learning rates, logarithmic, with a line at the rate that was found.

    Args:
        rates: Ascending and above 0.
        losses: Smoothed, one for each.
        found: A rate among them.
    """
    figure, axes = new_figure(WIDTH, HEIGHT)
    axes.plot(rates, losses, color=BLUE)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
    _mark(axes, found, f"lr {found:g}")
    return figure


def batch_size_figure(
    speeds: Mapping[int, float],
    fast_enough: float,
    found: int,
    too_large: Sequence[int] = (),
    memory: Mapping[int, int] | None = None,
) -> Figure:
    """Draw images per second over batch sizes, logarithmic, with a line at the size that was found.

    Args:
        speeds: Images per second, by batch size, ascending; at least one.
        fast_enough: Images per second from which a size counts as fast as the best.
        found: A size of these.
        too_large: Sizes for which memory did not suffice, marked on the horizontal axis.
        memory: Peak memory in bytes by batch size, where the device tells it; it has an axis on the right.
    """
    figure, axes = new_figure(WIDTH, HEIGHT)
    best = max(speeds.values())
    axes.axhspan(fast_enough, best, color="0.88", label="fast enough")
    axes.plot(list(speeds), list(speeds.values()), "o-", color=BLUE, label="speed")
    if too_large:
        axes.plot(
            too_large, [0] * len(too_large), "x", color="black", ms=8, mew=2, clip_on=False, label="out of memory"
        )
    axes.set_xscale("log", base=2)
    sizes = [*speeds, *too_large]
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set(ylim=(0, 1.1 * best), xlabel="batch size", ylabel="images per second")
    _mark(axes, found, f"batch_size {found}")
    if memory:
        _draw_memory(axes, memory)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_memory(axes: Axes, memory: Mapping[int, int]) -> None:
    right = axes.twinx()
    right.spines["top"].set_visible(False)
    used = [size / 2**20 for size in memory.values()]
    right.plot(list(memory), used, "s--", color=GREEN, ms=4, label="memory")
    right.set(ylim=(0, 1.1 * max(used)), ylabel="peak memory, MiB")


def _mark(axes: Axes, found: float, text: str) -> None:
    axes.axvline(found, color=ORANGE)
    axes.set_title(text, color=ORANGE, fontsize="medium")
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
