"""The user's own images, listed in a table."""

import os
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.utilities import rank_zero_warn

from litclassify.data.image_files_datamodule import ImageFilesDataModule, folder_at
from litclassify.data.listing.class_folders import MIN_CLASSES, quote_names
from litclassify.data.listing.exclusions import positions_left
from litclassify.data.listing.labelled_files import LabelledFiles, Samples
from litclassify.data.listing.split_names import SPLIT_NAMES, SPLITS
from litclassify.data.listing.table_file import Column, Table, read_table
from litclassify.errors import UserError
from litclassify.suggestions import nearest, some_of

SHOWN_FILES = 3
# Between several labels in one cell, as tables have them.
SEPARATORS = (";", "|", ",")
# Share of the classes; a few, such as 'horse, wild' and 'cat, wild' among many others, are names of single classes.
MANY_JOINED = 0.25
Ints = npt.NDArray[np.int64]


class ImageTable(ImageFilesDataModule):
    """Image files and their labels in a table, CSV or Parquet, one image a row.

    A column may say what images are for (train, val or test), and another which images belong together (all of one
    patient, or of one scene): these are never divided between splits.

    Transforms are those of `ImageFolder` by default.

    Args:
        table: The file. CSV is in UTF-8 with a header, its delimiter a comma, a semicolon, a tab or `|`. A file that
            ends in .parquet or .pq needs pyarrow: the extra `tables`.
        root: Folder that paths in the table are relative to. null means the folder of the table.
        path_column: Column with the image files.
        label_column: Column with the label of each image.
        label_separator: What separates the labels of an image that may have several, each or none, which
            `MultiLabelClassifier` learns. null means that each image has one class.
        split_column: Column that says train, val or test (or training, valid, validation, dev, testing). null means
            the column `split`, if there is one. Without val or test images, these are drawn from those of train.
        group_column: Column with what an image belongs to, such as its patient. Images of one group are never in two
            splits, and parts that are drawn have about as many images as they are to have. null means the column
            `group`, if there is one.
    """

    def __init__(
        self,
        table: str,
        *,
        root: str | None = None,
        path_column: str = "path",
        label_column: str = "label",
        label_separator: str | None = None,
        split_column: str | None = None,
        group_column: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if label_separator == "":
            raise UserError("data.label_separator is empty: give what stands between two labels, such as ';'.")
        self.table = table
        self.root = root
        self.path_column = path_column
        self.label_column = label_column
        self.label_separator = label_separator
        self.split_column = split_column
        self.group_column = group_column

    @property
    def folder(self) -> str:
        """The root, or else the folder of the table."""
        return folder_at(os.path.dirname(self.table) if self.root is None else self.root)

    @property
    def multi_label(self) -> bool:
        """Whether an image may have several labels, each or none."""
        return self.label_separator is not None

    @property
    def class_names(self) -> list[str]:
        """The labels of training images, sorted; the first use reads the table."""
        return self._class_names

    @cached_property
    def _table(self) -> Table:
        required = {"path": self.path_column, "label": self.label_column}
        optional = {"split": "split", "group": "group"}
        for use, name in (("split", self.split_column), ("group", self.group_column)):
            if name is not None:
                required[use] = name
                del optional[use]
        table = read_table(os.path.expanduser(self.table), required, optional, {"path": self._file})
        self._check_filled(table)
        return table

    def _check_filled(self, table: Table) -> None:
        ways = {}
        if self.split_column is None:
            ways["split"] = "rename it"
        if self.group_column is None:
            ways["group"] = f"set data.group_column to '{self.path_column}', so that each image is a group of its own"
        for use, column in table.columns.items():
            if "" in column.cells and not (use == "label" and self.multi_label):
                way = f" The column is used for its name: fill it, or {ways[use]}." if use in ways else ""
                raise UserError(f"data.table: {table.row(column.first_row_of(''))}: '{column.name}' is empty.{way}")

    def _file(self, cell: str) -> str:
        name = cell.strip()
        return os.path.join(self.folder, os.path.normpath(name)) if name else ""

    @cached_property
    def _splits(self) -> Ints:
        """Which of `SPLITS` each row is for; all train where the table does not say."""
        column = self._table.columns.get("split")
        if column is None:
            return np.zeros(self._table.num_rows, dtype=np.int64)
        names = [SPLIT_NAMES.get(cell.lower()) for cell in column.cells]
        for cell, name in zip(column.cells, names, strict=True):
            if name is None:
                raise UserError(
                    f"data.table: {self._table.row(column.first_row_of(cell))}: '{column.name}' is '{cell}', but must "
                    f"be train, val or test.{nearest(cell, SPLIT_NAMES)}"
                )
        splits = np.array([SPLITS.index(name) for name in names if name is not None])[column.codes]
        if not (splits == 0).any():
            raise UserError(f"data.table='{self._table.file}' has no rows of train: '{column.name}' names none.")
        return splits

    @cached_property
    def _kept(self) -> Ints:
        """Positions of the rows that are not excluded."""
        files = self._table.columns["path"]
        return np.flatnonzero(np.isin(files.codes, positions_left(files.cells, self.excluded_paths)))

    @cached_property
    def _labels(self) -> list[tuple[str, ...]]:
        """The labels that each distinct cell of the label column stands for."""
        cells = self._table.columns["label"].cells
        if self.label_separator is None:
            return [(cell,) for cell in cells]
        return [tuple(filter(None, map(str.strip, cell.split(self.label_separator)))) for cell in cells]

    @cached_property
    def _class_names(self) -> list[str]:
        codes = self._table.columns["label"].codes
        names = sorted({name for code in np.unique(codes[self._splits == 0]) for name in self._labels[code]})
        if len(names) < MIN_CLASSES:
            raise UserError(
                f"num_classes must be at least {MIN_CLASSES}, got {len(names)}: '{self.label_column}' of "
                f"'{self._table.file}' holds {quote_names(names) or 'nothing'} in the rows of train."
            )
        if not self.multi_label:
            _warn_of_joined_labels(names)
        kept_codes, first = np.unique(codes[self._kept], return_index=True)
        for code, position in zip(kept_codes.tolist(), first, strict=True):
            unknown = next((label for label in self._labels[code] if label not in names), None)
            if unknown is not None:
                row = self._table.row(int(self._kept[position]))
                raise UserError(
                    f"data.table: {row}: no image of train has the label '{unknown}'.{nearest(unknown, names)} There "
                    f"are {some_of(names)}."
                )
        return names

    def _read_labels(self) -> LabelledFiles:
        splits, targets = self._splits, self._targets()
        files, groups = self._table.columns["path"], self._table.columns.get("group")
        self._check_files(files)
        self._check_leaks(targets)
        if groups is None and len(files.cells) < self._table.num_rows:
            groups = files  # What is drawn must not divide the rows of one image, either.
        samples = Samples(
            [files.cells[code] for code in files.codes.tolist()],
            torch.from_numpy(targets),
            None if groups is None else torch.from_numpy(groups.codes.copy()),
        )
        parts = {name: np.flatnonzero(splits == number).tolist() for number, name in enumerate(SPLITS)}
        return LabelledFiles(
            training=samples.take(parts["train"]),
            evaluation={name: samples.take(parts[name]) for name in ("val", "test") if parts[name]},
            divided="split" in self._table.columns,
        )

    def _targets(self) -> npt.NDArray[Any]:
        """Class of each row, int64 (N,), or multi-hot, bool (N, K); -1 or none for labels in excluded rows alone."""
        index = {name: position for position, name in enumerate(self.class_names)}
        codes = self._table.columns["label"].codes
        if not self.multi_label:
            return np.array([index.get(label, -1) for (label,) in self._labels])[codes]
        hot = np.zeros((len(self._labels), len(index)), dtype=np.bool_)
        for row, labels in zip(hot, self._labels, strict=True):
            row[[index[label] for label in labels if label in index]] = True
        return hot[codes]

    def _check_files(self, files: Column) -> None:
        wanted = [files.cells[i] for i in positions_left(files.cells, self.excluded_paths)]
        missing = [path for path in wanted if not os.path.isfile(path)]
        # Where all are, the folder is wrong; some may be what data.on_bad_image is for.
        if missing and (self.on_bad_image == "error" or len(missing) == len(wanted)):
            raise UserError(
                f"data.table: {self._table.row(files.first_row_of(missing[0]))}: {len(missing)} of {len(files.cells)} "
                f"files do not exist: {quote_names(missing, SHOWN_FILES)}. Paths are relative to data.root, which is "
                f"'{self.folder or os.curdir}'."
            )

    def _check_leaks(self, targets: npt.NDArray[Any]) -> None:
        """Refuse images and groups that stand for two things, unless that is excluded."""
        groups = self._table.columns.get("group")
        hint = " Give all labels of an image in one row, with data.label_separator." if not self.multi_label else ""
        checks = [("path", targets, f"with different labels.{hint}"), ("path", self._splits, "in different splits.")]
        if groups is not None:
            checks += [("path", groups.codes, "in different groups."), ("group", self._splits, "in different splits.")]
        for use, values, fault in checks:
            found = self._table.contradiction(use, values, self._kept)
            if found is not None:
                cell, rows = found
                raise UserError(f"data.table: {rows}: {use} '{cell}' is there twice, {fault}")

    @property
    def _origin(self) -> str:
        return f"data.table='{self.table}'"

    def _part(self, split: str) -> str:
        return f"rows of {split}"


def _warn_of_joined_labels(names: Sequence[str]) -> None:
    """Warn where many names seem to be several labels: they hold a separator, and share a part with another name."""
    for separator in SEPARATORS:
        parts = {name: {part.strip() for part in name.split(separator)} for name in names}
        counts = Counter(chain.from_iterable(parts.values()))
        joined = [name for name in names if separator in name and any(counts[part] > 1 for part in parts[name])]
        if len(joined) >= MANY_JOINED * len(names):
            rank_zero_warn(
                f"data.table: {len(joined)} of {len(names)} classes hold '{separator}', such as '{joined[0]}'. If an "
                f"image may have several labels, add --data.label_separator '{separator}' --model MultiLabelClassifier."
            )
            return
