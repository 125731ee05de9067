"""Metrics from the files of a run; what cannot be read is left out."""

import csv
import io
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def read_rows(file: Path) -> list[dict[str, float]]:
    """Give the numbers of each line, without the columns that are empty in it.

    The last line is left out where a run that is under way has not yet ended it: half a number is a number, too.
    """
    try:
        text = file.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        return [_numbers(row) for row in csv.DictReader(io.StringIO(whole))]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def read_metrics(file: Path) -> dict[str, float]:
    """Give the numbers of a file of test metrics; none if it cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return _numbers(content) if isinstance(content, dict) else {}


def _numbers(items: Mapping[Any, Any]) -> dict[str, float]:
    """Give what is a number, by name."""
    found = {}
    for name, value in items.items():
        if value == "":  # Most cells are empty: to try each would take most of the time of a long list.
            continue
        with suppress(TypeError, ValueError):
            found[name] = float(value)
    return found
