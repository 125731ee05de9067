from litclassify.predictions.formats import check_format, open_table
from litclassify.predictions.outcome import Outcome
from litclassify.predictions.parts import Origin, Part, Parts
from litclassify.predictions.schema import Row, Schema
from litclassify.predictions.sorting import FolderSorter

__all__ = [
    "FolderSorter",
    "Origin",
    "Outcome",
    "Part",
    "Parts",
    "Row",
    "Schema",
    "check_format",
    "open_table",
]
