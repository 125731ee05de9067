"""Tables that are read on a terminal and by other programs."""

import sys
from collections.abc import Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table

from litclassify.terminal import printable

# Wide enough that a line in a pipe or file is never folded.
UNLIMITED = 10_000
ABSENT = "-"


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """Print aligned columns; long cells fold on a terminal, and nowhere else.

    Args:
        header: Names of the columns.
        rows: Cells, as many in each row as there are columns.
        numbers: Names of the columns that align to the right; they never fold.
        whole: Names of further columns that never fold.
    """
    on_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, padding=(0, 1 if on_terminal else 2, 0, 0))
    for name in header:
        justify: JustifyMethod = "right" if name in numbers else "left"
        table.add_column(name, overflow="fold", justify=justify, no_wrap=name in (*numbers, *whole))
    for row in rows:
        table.add_row(*map(printable, row))
    console = Console(highlight=False, markup=False, width=None if on_terminal else UNLIMITED)
    with console.capture() as capture:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def number_text(value: float | None) -> str:
    """Give four decimals."""
    return ABSENT if value is None else f"{value:.4f}"
