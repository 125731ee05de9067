"""What a table of predictions says as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from litclassify.predictions.schema import Row, Schema


@dataclass
class Outcome:
    """Counts over the rows of a table.

    Args:
        path: The table.
    """

    path: Path
    rows: int = 0
    unreadable: int = 0
    first_error: str = ""
    judged: int = 0
    """Images that can be read and whose class is known."""
    right: float = 0.0
    """How many of these are right; where images have several labels, the sum of their shares of right decisions."""

    @property
    def accuracy(self) -> float | None:
        """As `test_acc`; None if no class is known."""
        return self.right / self.judged if self.judged else None

    def add(self, rows: Iterable[Row], schema: Schema) -> None:
        """Count rows."""
        for path, label, _, most_probable, *_, known, error in rows:
            self.rows += 1
            if error is not None:
                self.unreadable += 1
                self.first_error = self.first_error or f"'{path}': {error}"
            elif schema.labelled:
                self.judged += 1
                if schema.label_separator is None:
                    self.right += most_probable == known  # The label may be that of rejected images.
                else:
                    differing = set(schema.labels(label)) ^ set(schema.labels(known))
                    self.right += 1 - len(differing) / len(schema.class_names)
