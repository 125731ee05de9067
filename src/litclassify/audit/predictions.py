"""Probabilities from a file that `predict` wrote."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from litclassify.audit.inventory import Inventory
from litclassify.audit.labels import Probabilities
from litclassify.errors import UserError

READERS = (".csv", ".jsonl")
EVERY_CLASS = "probability_"


class KnownProbabilities:
    """Probabilities of the images of an inventory, as far as they are given.

    Args:
        inventory: The images, (N).
        class_names: Of the K classes.
    """

    def __init__(self, inventory: Inventory, class_names: Sequence[str]) -> None:
        self.class_names = list(class_names)
        self.in_memory = inventory.root is None
        self.values: Probabilities = np.full((len(inventory.samples), len(class_names)), np.nan, np.float32)
        """Float32, which networks give, (N, K); NaN for images without."""
        paths = (s.path if inventory.root is None else inventory.file(s.path) for s in inventory.samples)
        self._places = {os.path.abspath(path): index for index, path in enumerate(paths)}

    def add(self, path: str, probabilities: npt.ArrayLike) -> bool:
        """Take the probabilities of the image at `path`; gives whether there is one. The last ones given hold."""
        index = self._places.get(os.path.abspath(path))
        if index is not None:
            self.values[index] = probabilities
        return index is not None

    def read(self, file: Path) -> None:
        """Take what a file says. Of a row with the most probable classes alone, the others share the rest.

        Raises:
            UserError: It cannot be read, is none of predictions, or names none of the images.
        """
        matched = 0
        for number, row in _numbered_rows(file):
            if not row.get("label"):  # An image that could not be read.
                continue
            try:
                matched += self.add(str(row["path"]), _distribution(row, self.class_names))
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(
                    f"--predictions: '{file}', row {number} is none that predict writes for these classes: {error}."
                ) from error
        if not matched:
            some = next(iter(self._places), "")
            raise UserError(f"--predictions: '{file}' names none of the {len(self._places)} images, such as '{some}'.")


def _numbered_rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if file.suffix not in READERS and os.path.exists(file):
        raise UserError(f"--predictions takes {' or '.join(READERS)} and the directory of fit --folds, got '{file}'.")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows: Iterable[Any] = csv.DictReader(lines) if file.suffix == ".csv" else map(json.loads, lines)
            for number, row in zip(count(1), rows):
                if not isinstance(row, dict) or "path" not in row:
                    raise UserError(f"--predictions: '{file}', row {number} has no path: it is not a file of predict.")
                yield number, row
    except OSError as error:
        raise UserError(f"--predictions: '{file}' cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise UserError(f"--predictions: '{file}' is not a {file.suffix} file of predictions: {error}.") from error


def _distribution(row: Mapping[str, Any], class_names: Sequence[str]) -> list[float]:
    if f"{EVERY_CLASS}{class_names[0]}" in row:
        return [float(row[f"{EVERY_CLASS}{name}"]) for name in class_names]
    top = {row[f"top{k}"]: float(row[f"top{k}_confidence"]) for k in range(1, len(class_names) + 1) if f"top{k}" in row}
    unknown = set(top) - set(class_names)
    if unknown or not top:
        raise ValueError(f"there is no class {unknown.pop()!r}" if unknown else "it lists no classes")
    rest = max(0.0, 1 - sum(top.values())) / max(1, len(class_names) - len(top))
    return [top.get(name, rest) for name in class_names]
