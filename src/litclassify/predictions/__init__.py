from litclassify.predictions.formats import check_format, check_replaceable, open_table
from litclassify.predictions.join import join_parts
from litclassify.predictions.outcome import Outcome
from litclassify.predictions.parts import Origin, Part, Parts
from litclassify.predictions.schema import Row, Schema, separator_of
from litclassify.predictions.sorting import FolderSorter, escape_forbidden
from litclassify.predictions.source import PredictionSet, PredictionSource, origin_of_rows, places_of_process

__all__ = [
    "FolderSorter",
    "Origin",
    "Outcome",
    "Part",
    "Parts",
    "PredictionSet",
    "PredictionSource",
    "Row",
    "Schema",
    "check_format",
    "check_replaceable",
    "escape_forbidden",
    "join_parts",
    "open_table",
    "origin_of_rows",
    "places_of_process",
    "separator_of",
]
