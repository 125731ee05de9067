"""From an evaluation to what its report says."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from litclassify.evaluation.bootstrap import Interval
from litclassify.evaluation.confused_pairs import most_confused_pairs
from litclassify.evaluation.coverage import threshold_keeping
from litclassify.evaluation.evaluation import Bools, Evaluation, Floats
from litclassify.evaluation.figures import (
    Example,
    class_figure,
    confidence_figure,
    confusion_figure,
    coverage_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
)
from litclassify.evaluation.metrics import ClassTable
from litclassify.evaluation.report.content import (
    CLASS_COLUMNS,
    Picture,
    ReadImages,
    ReadMaps,
    ReportTable,
    class_rows,
    metrics_table,
)
from litclassify.evaluation.report.galleries import gallery

MAX_PAIRS = 20
KEPT = (1.0, 0.99, 0.95, 0.9, 0.8, 0.5)


def evaluation_tables(
    evaluation: Evaluation, table: ClassTable, metrics: Mapping[str, float], intervals: Mapping[str, Interval]
) -> list[ReportTable]:
    """Give the metrics, the scores of each class and the most confused pairs as tables."""
    pairs = most_confused_pairs(evaluation, MAX_PAIRS)
    return [
        metrics_table(metrics, intervals),
        ReportTable(
            "Classes",
            ["class", "images", *CLASS_COLUMNS],
            class_rows(table, evaluation.class_names),
            note="The lowest F1 first, and classes without images last. auroc and average_precision are of the class "
            "against the rest.",
        ),
        ReportTable(
            "Most confused",
            ["target", "prediction", "images", "share of the target"],
            [[pair.target, pair.predicted, f"{pair.count}", f"{pair.share:.1%}"] for pair in pairs],
            text_columns=2,
        ),
        ReportTable(
            "Rejection",
            ["by", "threshold", "images kept", "their accuracy"],
            [
                *_rejection_rows("confidence", evaluation.confidences, evaluation.correct),
                *_rejection_rows("energy", evaluation.energies, evaluation.correct),
            ],
            note="What is left to be wrong if images below a threshold are rejected: see model.rejection.",
        ),
    ]


def _rejection_rows(name: str, scores: Floats, correct: Bools) -> list[list[str]]:
    """Say what thresholds keep as they are written: where many scores are nearly 1, that is more than was asked for."""
    written = dict.fromkeys(_rounded_down(threshold_keeping(scores, share)) for share in KEPT)
    kept = {text: scores >= float(text) for text in written}
    return [[name, text, f"{keeps.mean():.1%}", f"{correct[keeps].mean():.4f}"] for text, keeps in kept.items()]


def _rounded_down(threshold: float) -> str:
    """Write a threshold that keeps what it kept, and is below 1 where it was 1."""
    return f"{math.floor(threshold * 1e6 - 1e-3) / 1e6:.6f}"


def evaluation_pictures(evaluation: Evaluation, table: ClassTable) -> list[Picture]:
    """Draw all figures."""
    reliability = {"as it is": evaluation}
    if evaluation.temperature != 1:
        reliability = {"before calibration": evaluation.at_temperature(1.0), "calibrated": evaluation}
    drawn = [
        (confusion_figure(evaluation, normalised=False), "Confusion matrix", "Images by target and prediction."),
        (
            confusion_figure(evaluation, normalised=True),
            "Confusion matrix normalised",
            "What share of a target's images gets which prediction.",
        ),
        (class_figure(evaluation, table), "Class accuracy", "What share of a class's images is right."),
        (
            reliability_figure(reliability),
            "Reliability",
            "Accuracy of images of about the same confidence. Below the diagonal, the classifier is too sure.",
        ),
        (confidence_figure(evaluation), "Confidence", "How sure the classifier is of right and of wrong predictions."),
        (
            coverage_figure(evaluation),
            "Coverage",
            "Accuracy if images below a confidence are rejected, over the share that is left.",
        ),
        (
            precision_recall_figure(evaluation, table),
            "Precision and recall",
            "Of each class against the rest, at all thresholds.",
        ),
        (roc_figure(evaluation, table), "ROC", "Of each class against the rest, at all thresholds."),
    ]
    return [Picture.of(*picture) for picture in drawn]


def gallery_pictures(
    evaluation: Evaluation,
    paths: Sequence[str],
    read: ReadImages,
    limit: int,
    read_maps: ReadMaps | None = None,
    explained: int = 0,
) -> list[Picture]:
    """Draw the images that went wrong most, at most `limit` in each gallery, and where the classifier looked.

    Args:
        evaluation: What was said of the images.
        paths: Of all images, (N,).
        read: Gives the images themselves.
        limit: At least 1.
        read_maps: Explains predictions; None leaves them as they are.
        explained: How many images of each gallery are explained, at most.
    """
    wrong = np.flatnonzero(~evaluation.correct)
    galleries = {
        "Worst predictions": (wrong[np.argsort(-evaluation.losses[wrong], kind="stable")], WORST),
        "Confident mistakes": (wrong[np.argsort(-evaluation.confidences[wrong], kind="stable")], CONFIDENT),
    }
    pictures: list[Picture] = []
    for title, (order, note) in galleries.items():
        if not len(order):
            continue
        examples = _examples(evaluation, paths, read, order[:limit])
        classes = np.stack([evaluation.predicted, evaluation.targets], axis=1)[order[:limit][:explained]]
        pictures += gallery(examples, title, note, read_maps, classes, EXPLAINED)
    return pictures


CAPTIONS = "Above each image, prediction and target with their probabilities."
WORST = f"The targets that the classifier held least probable. {CAPTIONS}"
CONFIDENT = f"The wrong classes that it held most probable. {CAPTIONS}"

EXPLAINED = (
    "Where in the first of them the classifier sees the prediction (left) and the target (right): Grad-CAM, from dark "
    "blue for nothing to yellow for the most in the image."
)


def _examples(
    evaluation: Evaluation, paths: Sequence[str], read: ReadImages, indices: NDArray[np.int64]
) -> list[Example]:
    names = evaluation.class_names
    return [
        Example(
            image=image,
            path=paths[i],
            target=names[evaluation.targets[i]],
            predicted=names[evaluation.predicted[i]],
            confidence=float(evaluation.confidences[i]),
            probability=float(evaluation.probabilities[i, evaluation.targets[i]]),
        )
        for i, image in zip(indices.tolist(), read(indices.tolist()), strict=True)
    ]
