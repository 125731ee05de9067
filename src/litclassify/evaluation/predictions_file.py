"""What a classifier said of each test image, as a file of a run."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from litclassify.evaluation.evaluation import Evaluation, Floats
from litclassify.evaluation.label_evaluation import LabelEvaluation

NAME = "test_predictions.csv"
COLUMNS = ("path", "target", "label", "confidence", "loss")


def write_predictions(evaluation: Evaluation, paths: Sequence[str], run: Path) -> None:
    """Write path, target, prediction, confidence and loss of each image."""
    names = evaluation.class_names
    targets, predicted = ([names[k] for k in column.tolist()] for column in (evaluation.targets, evaluation.predicted))
    _write(run, paths, targets, predicted, evaluation.confidences, evaluation.losses)


def write_label_predictions(evaluation: LabelEvaluation, paths: Sequence[str], run: Path, separator: str) -> None:
    """Write the same of images with several labels, which stand in one cell; confidence is the highest probability."""
    names = np.array(evaluation.class_names, dtype=object)
    targets, predicted = (
        [separator.join(names[row]) for row in rows] for rows in (evaluation.targets, evaluation.predicted)
    )
    _write(run, paths, targets, predicted, evaluation.probabilities.max(axis=1), evaluation.losses)


def _write(
    run: Path,
    paths: Sequence[str],
    targets: Sequence[str],
    predicted: Sequence[str],
    confidences: Floats,
    losses: Floats,
) -> None:
    columns = (paths, targets, predicted, confidences.tolist(), losses.tolist())
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
