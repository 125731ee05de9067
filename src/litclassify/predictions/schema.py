"""The columns of a table of predictions, and its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from litclassify.errors import UserError
from litclassify.models import Prediction

DEFAULT_SEPARATOR = ";"
"""Between the labels of an image, where its data do not say."""
Row = list[Any]
"""Text, numbers and None where there is nothing to say, in the order of the columns."""


def separator_of(data: object) -> str:
    """Give what stands between the labels of an image where they are written: as in its table, if it is of one."""
    return getattr(data, "label_separator", None) or DEFAULT_SEPARATOR


@dataclass(frozen=True)
class Schema:
    """What a row holds.

    Args:
        class_names: Names of the K classes.
        top_k: How many of the most probable classes a row lists, from 1 to K.
        probabilities: Whether there is a column for the probability of every class.
        labelled: Whether there is a column for the class that an image is known to have.
        label_separator: What stands between the labels of an image; None where each has one class.

    Raises:
        UserError: The separator is part of a name.
    """

    class_names: Sequence[str]
    top_k: int
    probabilities: bool = False
    labelled: bool = False
    label_separator: str | None = None

    def __post_init__(self) -> None:
        separator = self.label_separator
        name = None if separator is None else next((name for name in self.class_names if separator in name), None)
        if name is not None:
            raise UserError(
                f"data.label_separator: '{separator}' is part of the label '{name}': labels in one cell could not be "
                "told apart. Give another."
            )

    @cached_property
    def columns(self) -> dict[str, type]:
        """Name and type of each column, str or float, in order."""
        columns: dict[str, type] = {"path": str, "label": str, "confidence": float}
        for k in range(1, self.top_k + 1):
            columns |= {f"top{k}": str, f"top{k}_confidence": float}
        if self.probabilities:
            columns |= {f"probability_{name}": float for name in map(_writable, self.class_names)}
        if self.labelled:
            columns["target"] = str
        return columns | {"error": str}

    def rows(
        self, prediction: Prediction, paths: Sequence[str], targets: Tensor | None, errors: Sequence[str]
    ) -> Iterator[Row]:
        """Give the rows of a batch.

        Args:
            prediction: Of N images.
            paths: An identifier of each.
            targets: Class of each, int64 (N,), or multi-hot labels, (N, K); None if they are not known.
            errors: Why each cannot be read; "" for those that can.
        """
        confidences, indices = prediction["probabilities"].topk(self.top_k, dim=1)
        everything = prediction["probabilities"].tolist() if self.probabilities else [[]] * len(paths)
        known = [[]] * len(paths) if targets is None else [[self._name(target)] for target in targets]
        top = zip(confidences.tolist(), indices.tolist(), everything, strict=True)
        for path, error, label, target, probable in zip(paths, errors, prediction["label"], known, top, strict=True):
            values: Row = [None] * (len(self.columns) - 2 - len(target)) if error else self._values(label, *probable)
            yield [_writable(path), *values, *target, _writable(error) or None]

    def labels(self, cell: str) -> list[str]:
        """Give the labels that a cell of `label` or `target` stands for."""
        if self.label_separator is None:
            return [cell]
        return cell.split(self.label_separator) if cell else []

    def _values(
        self, label: str | Sequence[str], confidences: list[float], indices: list[int], everything: list[float]
    ) -> Row:
        top = [value for pair in zip(map(self._class_name, indices), confidences, strict=True) for value in pair]
        return [self._joined(label), confidences[0], *top, *everything]

    def _name(self, target: Tensor) -> str:
        if target.ndim == 0:
            return self._class_name(int(target))
        return self._joined([self.class_names[index] for index in target.nonzero().flatten().tolist()])

    def _class_name(self, index: int) -> str:
        return _writable(self.class_names[index])

    def _joined(self, label: str | Sequence[str]) -> str:
        return _writable(label if isinstance(label, str) else (self.label_separator or DEFAULT_SEPARATOR).join(label))


def are_columns(names: Sequence[str]) -> bool:
    """Whether these are the columns of a table of predictions, whatever its classes."""
    *first, last = Schema((), top_k=1).columns
    return list(names[: len(first)]) == first and names[-1] == last


def _writable(text: str) -> str:
    """Spell out the bytes of a file's name that are not UTF-8, which Python holds as surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()
