"""What a classifier said of each test image, as a file of a run."""

import csv
from collections.abc import Sequence
from pathlib import Path

from litclassify.evaluation.label_evaluation import AnyEvaluation

NAME = "test_predictions.csv"
COLUMNS = ("path", "target", "label", "confidence", "loss")


def write_predictions(evaluation: AnyEvaluation, paths: Sequence[str], run: Path, separator: str) -> None:
    """Write path, target, prediction, confidence and loss of each image.

    Args:
        evaluation: Of N images.
        paths: Of each.
        run: Directory of the run.
        separator: What stands between several labels of an image, in one cell.
    """
    columns = (paths, *evaluation.answers(separator), evaluation.confidences.tolist(), evaluation.losses.tolist())
    with (run / NAME).open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for path, target, label, confidence, loss in zip(*columns, strict=True):
            writer.writerow([path, target, label, f"{confidence:.6g}", f"{loss:.6g}"])


def read_answers(run: Path) -> dict[tuple[str, str], bool]:
    """Give whether each test image, by path and target, is right; empty if there is no such file."""
    path = run / NAME
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["path"], row["target"]): row["target"] == row["label"] for row in csv.DictReader(file)}
