"""The images of a run that cannot be read, in one list that all its processes share."""

import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import PurePath

from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn

from litclassify.data.damage.shared_table import SharedTable
from litclassify.data.decoding.reading import find_unreadable
from litclassify.errors import UserError

COLUMNS = ("split", "path", "reason")
SHOWN = 5


class BadImages:
    """Lists each image that cannot be read once, as soon as it is met; counts them, and ends a run that has too many.

    The list is a CSV file of split, path and reason. Without a file, each process counts what it meets itself.

    Args:
        folder: What paths in the list are relative to.
        max_share: How many of the images of a split may be bad, in [0, 1].
        exclude: The list of images that are left out already; None if there is none.
    """

    def __init__(self, folder: str, max_share: float, exclude: str | None = None) -> None:
        self.folder = folder
        self.max_share = max_share
        self.exclude = exclude
        self._table: SharedTable | None = None
        self._listed: dict[str, dict[str, str]] = defaultdict(dict)
        self._totals: dict[str, int] = {}

    def list_in(self, file: str) -> None:
        """Go on with a list, or begin one. What is listed already and can be read by now is taken off it.

        Args:
            file: The same in all processes of a run, which set it before they read images.
        """
        self._table = SharedTable(file, COLUMNS)
        if os.path.exists(file) and getattr(rank_zero_only, "rank", 0) == 0:
            with self._table.lock():
                rows = self._table.new_rows()
                still = find_unreadable([os.path.join(self.folder, name) for _, name, _ in rows])
                self._table.replace([row for row in rows if os.path.join(self.folder, row[1]) in still])

    def expect(self, split: str, paths: Sequence[str]) -> None:
        """Say what the images of a split are; what an earlier list has of other images does not count."""
        self._totals[split] = len(paths)
        self._update()
        if self._listed[split]:
            names = set(map(self._name, paths))
            self._listed[split] = {name: reason for name, reason in self._listed[split].items() if name in names}

    def record(self, split: str, reasons: Mapping[str, str]) -> None:
        """List images, and see whether there are too many.

        Args:
            split: Of which the images are.
            reasons: Why each path cannot be read.

        Raises:
            UserError: More images of the split are listed than `max_share` allows.
        """
        if self.add(split, reasons):
            name, reason = next(iter(self._listed[split].items()))
            place = self._place() or " They are listed nowhere: there is no directory of a run."
            rank_zero_warn(f"Images cannot be read, first '{name}' of {split}: {reason}{place}")
        listed, total = self._listed[split], self._totals[split]
        if len(listed) > self.max_share * total:
            name, reason = next(iter(listed.items()))
            raise UserError(
                f"data.max_bad_share={self.max_share:g}: {len(listed)} of {total} images of {split} cannot be read, "
                f"first '{name}': {reason}{self._place()} Repair or remove them, or allow a larger share."
            )

    def add(self, split: str, reasons: Mapping[str, str]) -> bool:
        """List images, however many; give whether there were none before."""
        named = {self._name(path): reason for path, reason in reasons.items()}
        if named.keys() <= self._listed[split].keys():
            return False
        try:
            with nullcontext() if self._table is None else self._table.lock():
                self._take_new_rows()
                first = not any(self._listed.values())
                rows = [[split, name, reason] for name, reason in named.items() if name not in self._listed[split]]
                if rows and self._table is not None:
                    self._table.append(rows)
        except OSError as error:  # A full disk is not a reason to end the run.
            self._table, first = None, False
            rank_zero_warn(f"Images that cannot be read are listed no longer: {error.filename}: {error.strerror}.")
        self._listed[split] |= named
        return first

    def summary(self) -> str:
        """Say how many there are of how many, and where the list is; nothing if there are none."""
        self._update()
        counts = {split: (len(self._listed[split]), total) for split, total in self._totals.items()}
        said = ", ".join(f"{bad} of {total} images of {split}" for split, (bad, total) in counts.items() if bad)
        return f"{said} cannot be read.{self._place()}" if said else ""

    def refuse_any(self) -> None:
        """End the command if there are any.

        Raises:
            UserError: There are.
        """
        summary = self.summary()
        if not summary:
            return
        lines = [f"{name}: {reason}" for listed in self._listed.values() for name, reason in listed.items()]
        more = [f"… {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        remedy = "Repair or remove them"
        if self.exclude is not None:
            remedy += f", or add their paths to '{self.exclude}', which data.exclude names"
        elif self._table is not None:
            remedy += f", or leave them out with --data.exclude {shlex.quote(self._table.file)}"
        raise UserError("\n".join([f"data.on_bad_image=report: {summary}", *lines[:SHOWN], *more, f"{remedy}."]))

    def _place(self) -> str:
        return "" if self._table is None else f" The list is '{self._table.file}'."

    def _name(self, path: str) -> str:
        return PurePath(os.path.relpath(path, self.folder or ".")).as_posix()

    def _update(self) -> None:
        if self._table is not None and os.path.exists(self._table.file):
            with self._table.lock():
                self._take_new_rows()

    def _take_new_rows(self) -> None:
        for split, name, reason in [] if self._table is None else self._table.new_rows():
            self._listed[split][name] = reason
