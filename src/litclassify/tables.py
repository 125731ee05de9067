"""Tables that are read on a terminal and by other programs."""

import sys
from collections.abc import Sequence
from shutil import get_terminal_size

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table

from litclassify.terminal import printable

# Wide enough that a line in a pipe or file is never folded.
UNLIMITED = 10_000
# On a terminal that is narrower than the rest, what still folds keeps room for a few letters.
FOLDED = 8
ABSENT = "-"


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """Print aligned columns; long cells fold on a terminal, and nowhere else. No cell is cut.

    Args:
        header: Names of the columns.
        rows: Cells, as many in each row as there are columns.
        numbers: Names of the columns that align to the right; they never fold.
        whole: Names of further columns that never fold.
    """
    on_terminal = getattr(sys.stdout, "rich_proxied_file", sys.stdout).isatty()  # Behind a live progress bar, too.
    gap, width = (1, get_terminal_size().columns) if on_terminal else (2, UNLIMITED)
    cells = [[printable(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for name, column in zip(header, zip(header, *cells, strict=True), strict=True):
        justify: JustifyMethod = "right" if name in numbers else "left"
        keeps = name in (*numbers, *whole)
        longest = max(map(cell_len, column))
        least = longest if keeps else min(longest, FOLDED)
        table.add_column(name, overflow="fold", justify=justify, no_wrap=keeps, min_width=least)
    for row in cells:
        table.add_row(*row)
    # A terminal folds lines that are too long for it, and cuts none.
    least = sum((column.min_width or 0) + gap for column in table.columns) - gap
    # With a height, or else rich takes every terminal without cursor control for one of 80 columns.
    console = Console(highlight=False, markup=False, width=max(width, least), height=len(cells) + 1)
    with console.capture() as capture:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def number_text(value: float | None) -> str:
    """Give four decimals."""
    return ABSENT if value is None else f"{value:.4f}"
