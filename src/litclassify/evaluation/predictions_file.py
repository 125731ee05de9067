"""What a classifier said of each test image, as a file of a run."""

import csv
from collections.abc import Sequence
from pathlib import Path

from litclassify.evaluation.answers import answers
from litclassify.evaluation.evaluation import Evaluation, Floats
from litclassify.evaluation.label_evaluation import AnyEvaluation, LabelEvaluation

NAME = "test_predictions.csv"
COLUMNS = ("path", "target", "label", "confidence", "loss")


def write_predictions(evaluation: Evaluation, paths: Sequence[str], run: Path) -> None:
    """Write path, target, prediction, confidence and loss of each image."""
    _write(run, paths, evaluation, evaluation.confidences)


def write_label_predictions(evaluation: LabelEvaluation, paths: Sequence[str], run: Path, separator: str) -> None:
    """Write the same of images with several labels, which stand in one cell; confidence is the highest probability."""
    _write(run, paths, evaluation, evaluation.probabilities.max(axis=1), separator)


def _write(
    run: Path, paths: Sequence[str], evaluation: AnyEvaluation, confidences: Floats, separator: str = ""
) -> None:
    columns = (paths, *answers(evaluation, separator), confidences.tolist(), evaluation.losses.tolist())
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
