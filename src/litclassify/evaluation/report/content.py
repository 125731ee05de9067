"""What a report says, whatever it is written as."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import isnan
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litclassify.evaluation.bootstrap import Interval
from litclassify.evaluation.figures import set_fonts
from litclassify.evaluation.metrics import ClassTable

CLASS_COLUMNS = ("precision", "recall", "f1", "auroc", "average_precision")
ReadImages = Callable[[Sequence[int]], NDArray[np.generic]]
"""Gives images, uint8 or float in [0, 1], (n, C, H, W), by their places in the data set."""
ReadMaps = Callable[[NDArray[np.generic], NDArray[np.int64]], NDArray[np.floating[Any]] | None]
"""Gives maps in [0, 1], (n, M, H, W), of where images (n, C, H, W) show classes (n, M); None if that is not known."""


@dataclass(frozen=True)
class ReportTable:
    """Rows of text under a title; all columns but the first few are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1
    note: str = ""

    @property
    def key(self) -> str:
        """The title as a name of files and tags."""
        return _key(self.title)


@dataclass(frozen=True)
class Picture:
    """A figure with its title, and with what it shows."""

    title: str
    note: str
    png: bytes
    wide: bool = False
    """Whether it takes the width of a page."""

    @classmethod
    def of(cls, figure: Figure, title: str, note: str, *, wide: bool = False) -> "Picture":
        """Render a figure."""
        set_fonts(figure)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight")  # Or else labels may be cut off.
        return cls(title, note, buffer.getvalue(), wide)

    @property
    def key(self) -> str:
        """The title as a name of files and tags."""
        return _key(self.title)


@dataclass(frozen=True)
class Report:
    """All that a report holds, in its order."""

    title: str
    facts: Mapping[str, str]
    """What was tested, on what, by name."""
    tables: Sequence[ReportTable]
    pictures: Sequence[Picture]
    texts: Mapping[str, str]
    """Such as the configuration, by title; shown as they are."""

    def table(self, key: str) -> ReportTable:
        """Give a table by its key."""
        return next(table for table in self.tables if table.key == key)


def metrics_table(metrics: Mapping[str, float], intervals: Mapping[str, Interval]) -> ReportTable:
    """Give name, value and confidence interval of each metric, as far as there are any."""
    values = {name: number(value) for name, value in metrics.items()}
    if not intervals:
        return ReportTable("Metrics", ["metric", "value"], [[name, value] for name, value in values.items()])
    return ReportTable(
        "Metrics",
        ["metric", "value", "95% interval"],
        [[name, value, _interval(intervals.get(name))] for name, value in values.items()],
        note="Intervals are for other test images of the same kind, not for other trainings.",
    )


def class_rows(table: ClassTable, class_names: Sequence[str]) -> list[list[str]]:
    """Give name, number of images and scores of each class, the lowest F1 first, and last those without images."""
    order = np.lexsort((table.f1, table.support == 0))
    return [
        [
            class_names[k],
            f"{int(table.support[k])}",
            *(number(float(getattr(table, column)[k])) for column in CLASS_COLUMNS),
        ]
        for k in order
    ]


def number(value: float) -> str:
    """Write a figure to 4 decimals; or that it is undefined."""
    return "undefined" if isnan(value) else f"{value:.4f}"


def _key(title: str) -> str:
    return title.lower().replace(" ", "_")


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{number(interval[0])} to {number(interval[1])}"
