"""A series of runs: its directory, and what is recorded of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from litclassify.cli.runs.directory import SERIES
from litclassify.errors import UserError
from litclassify.files.durable_files import replacing

Kind = Literal["seed", "fold"]
OPTIONS: dict[Kind, str] = {"seed": "repeat", "fold": "folds"}
"""The argument of `fit` that asks for each kind of series."""


@dataclass
class Series:
    """Runs of one command line in one directory, each in a directory of its own: `seed_0`, `seed_1`, …"""

    folder: Path
    kind: Kind
    words: list[str]
    """Words of the command line, without the program, the subcommand, `--allow_import` and what makes it a series."""
    exit_codes: dict[int, int | None]
    """Exit code of each run by its seed or fold, in order; None for one that has not ended."""

    @property
    def finished(self) -> list[int]:
        """The runs that ended well."""
        return [number for number, code in self.exit_codes.items() if code == 0]

    def run_dir(self, number: int) -> Path:
        """Give the directory of a run."""
        return self.folder / f"{self.kind}_{number}"

    def words_of(self, number: int) -> list[str]:
        """Give the words with which `fit` makes a run by itself."""
        own = ["--seed_everything", f"{number}"]
        if self.kind == "fold":
            own = ["--data.val_fold", f"[{number},{len(self.exit_codes)}]"]
        return [*self.words, f"--{OPTIONS[self.kind]}", "null", *own]

    def add(self, numbers: Iterable[int]) -> None:
        """Add runs that are not there yet."""
        self.exit_codes = {**dict.fromkeys(numbers), **self.exit_codes}

    def save(self) -> None:
        """Write the record, complete before it has its name."""
        record = {"kind": self.kind, "words": self.words, "exit_codes": self.exit_codes}
        with replacing(self.folder / SERIES) as file:
            file.write((json.dumps(record, indent=2) + "\n").encode())


def load_series(folder: Path) -> Series:
    """Read the record of a series.

    Raises:
        UserError: It is damaged.
    """
    file = folder / SERIES
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        kind, words = record["kind"], [str(word) for word in record["words"]]
        exit_codes = {int(number): code for number, code in record["exit_codes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"'{file}' is damaged: {error}.") from error
    if kind not in get_args(Kind) or not exit_codes:
        raise UserError(f"'{file}' is damaged: it has {len(exit_codes)} runs of kind {kind!r}.")
    return Series(folder, kind, words, exit_codes)
