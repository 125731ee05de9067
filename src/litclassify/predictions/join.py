"""From parts to the table."""

from collections.abc import Sequence

from litclassify.errors import UserError
from litclassify.files.durable_files import completing
from litclassify.predictions.formats import open_table
from litclassify.predictions.outcome import Outcome
from litclassify.predictions.parts import Parts
from litclassify.predictions.schema import Row, Schema
from litclassify.predictions.sorting import FolderSorter


def join_parts(
    parts: Parts,
    schema: Schema,
    paths: Sequence[str] = (),
    sorter: FolderSorter | None = None,
    expected_rows: int | None = None,
) -> Outcome:
    """Write the table, sort the images, and remove the parts; interrupted, it can be done again.

    Args:
        parts: Of all processes.
        schema: Of their rows.
        paths: The file of each row, for the sorter.
        sorter: Puts the images into folders; None leaves them where they are.
        expected_rows: How many there are to be; None for any number.

    Raises:
        UserError: There are more or fewer.
    """
    outcome = Outcome(parts.table)
    with completing(parts.table) as joined:
        with open_table(joined, parts.table.suffix, schema) as write:
            for rows in parts.joined_rows():
                if sorter is not None:
                    _sort(sorter, paths[outcome.rows : outcome.rows + len(rows)], rows, schema)
                outcome.add(rows, schema)
                write(rows)
        if expected_rows not in (None, outcome.rows):
            raise UserError(
                f"--output '{parts.table}': {outcome.rows} of {expected_rows} predictions were found. Another command "
                "has written to the same file at the same time; give each its own."
            )
    parts.remove()
    return outcome


def _sort(sorter: FolderSorter, paths: Sequence[str], rows: Sequence[Row], schema: Schema) -> None:
    for path, (_, label, *_, error) in zip(paths, rows, strict=True):
        sorter.place(path, schema.labels(label) if error is None else None)
