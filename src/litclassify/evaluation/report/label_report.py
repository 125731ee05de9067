"""From an evaluation of several labels to what its report says."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from litclassify.evaluation import class_scores
from litclassify.evaluation.bootstrap import Interval
from litclassify.evaluation.class_scores import pooled
from litclassify.evaluation.evaluation import Bools, Floats
from litclassify.evaluation.figures import (
    LabelExample,
    label_figure,
    precision_recall_figure,
    roc_figure,
)
from litclassify.evaluation.label_evaluation import LabelEvaluation
from litclassify.evaluation.metrics import ClassTable, mean_of_known
from litclassify.evaluation.report.content import (
    CLASS_COLUMNS,
    Picture,
    ReadImages,
    ReadMaps,
    ReportTable,
    class_rows,
    metrics_table,
    number,
)
from litclassify.evaluation.report.galleries import gallery

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def label_tables(
    evaluation: LabelEvaluation, table: ClassTable, metrics: Mapping[str, float], intervals: Mapping[str, Interval]
) -> list[ReportTable]:
    """Give the metrics, the scores of each label, their averages, and what other thresholds give, as tables."""
    labels_per_image = evaluation.targets.sum(axis=1).mean()
    return [
        metrics_table(metrics, intervals),
        ReportTable(
            "Labels",
            ["label", "images", *CLASS_COLUMNS],
            class_rows(table, evaluation.class_names),
            note="The lowest F1 first, and labels without images last. A label is predicted above a probability of "
            f"{evaluation.threshold:g} (model.threshold); auroc and average_precision are of all thresholds.",
        ),
        ReportTable(
            "Averages",
            ["over", *CLASS_COLUMNS],
            _average_rows(evaluation, table),
            note="All decisions on an image and a label as one, labels alike, and labels by their images. The latter "
            "two leave out what is undefined.",
        ),
        ReportTable(
            "Thresholds",
            ["threshold", "precision_micro", "recall_micro", "f1_micro", "f1", "labels of an image"],
            [_threshold_row(evaluation, threshold) for threshold in sorted({*THRESHOLDS, evaluation.threshold})],
            note=f"What other values of model.threshold would give; images have {labels_per_image:.2f} labels.",
        ),
    ]


def _average_rows(evaluation: LabelEvaluation, table: ClassTable) -> list[list[str]]:
    together = pooled(evaluation.counts)
    of_decisions = [score(together) for score in (class_scores.precision, class_scores.recall, class_scores.f1)]
    columns = [getattr(table, name) for name in CLASS_COLUMNS]
    return [
        ["decisions (micro)", *(number(float(value)) for value in of_decisions), "", ""],
        ["labels (macro)", *(number(mean_of_known(column)) for column in columns)],
        ["images of labels (weighted)", *(number(_weighted_mean(column, table.support)) for column in columns)],
    ]


def _weighted_mean(values: Floats, weights: Floats) -> float:
    known = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")


def _threshold_row(evaluation: LabelEvaluation, threshold: float) -> list[str]:
    counts = evaluation.counts_above(threshold)
    together = pooled(counts)
    values = (
        *(score(together) for score in (class_scores.precision, class_scores.recall, class_scores.f1)),
        class_scores.f1(counts).mean(),
    )
    per_image = float(together.predicted) / len(evaluation)
    return [f"{threshold:g}", *(number(float(value)) for value in values), f"{per_image:.2f}"]


def label_pictures(evaluation: LabelEvaluation, table: ClassTable) -> list[Picture]:
    """Draw all figures."""
    drawn = [
        (label_figure(evaluation, table), "Label scores", "F1 at the threshold, and average precision over all."),
        (precision_recall_figure(evaluation, table), "Precision and recall", "Of each label, at all thresholds."),
        (roc_figure(evaluation, table), "ROC", "Of each label, at all thresholds."),
    ]
    return [Picture.of(*picture) for picture in drawn]


def label_galleries(
    evaluation: LabelEvaluation,
    paths: Sequence[str],
    read: ReadImages,
    limit: int,
    read_maps: ReadMaps | None = None,
    explained: int = 0,
) -> list[Picture]:
    """Draw the images whose labels went wrong most, and where the classifier sees these labels.

    Of an image, a gallery shows the label that is worst.

    Args:
        evaluation: What was said of the images.
        paths: Of all images, (N,).
        read: Gives the images themselves.
        limit: Of images in each gallery, at least 1.
        read_maps: Explains predictions; None leaves them as they are.
        explained: How many images of each gallery are explained, at most.
    """
    predicted, targets = evaluation.predicted, evaluation.targets
    galleries = {
        "Wrong labels": (predicted & ~targets, evaluation.probabilities, targets, WRONG),
        "Missed labels": (targets & ~predicted, 1 - evaluation.probabilities, predicted, MISSED),
    }
    pictures: list[Picture] = []
    for title, (wrong, badness, others, note) in galleries.items():
        images, labels = _worst(wrong, badness, limit)
        if not len(images):
            continue
        examples = _examples(evaluation, paths, read, images, labels, others)
        pictures += gallery(examples, title, note, read_maps, labels[:explained, None], EXPLAINED)
    return pictures


WRONG = (
    "Labels that images do not have, and that the classifier held most probable. Above each image, the label with its "
    "probability, and the labels that it has."
)
MISSED = (
    "Labels that images have, and that the classifier held least probable. Above each image, the label with its "
    "probability, and the labels that were predicted."
)
EXPLAINED = (
    "Where in the first of them the classifier sees the label: Grad-CAM, from dark blue for nothing to yellow for the "
    "most in the image."
)


def _examples(
    evaluation: LabelEvaluation,
    paths: Sequence[str],
    read: ReadImages,
    images: NDArray[np.int64],
    labels: NDArray[np.int64],
    others: Bools,
) -> list[LabelExample]:
    """Give images (n,), a label of each (n,), and what of all labels is to be seen beside, (N, K)."""
    names = evaluation.class_names
    return [
        LabelExample(
            image=image,
            path=paths[i],
            label=names[k],
            probability=float(evaluation.probabilities[i, k]),
            others=[names[j] for j in np.flatnonzero(others[i]).tolist()],
        )
        for i, k, image in zip(images.tolist(), labels.tolist(), read(images.tolist()), strict=True)
    ]


def _worst(wrong: Bools, badness: Floats, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give images (n,) and of each the worst of its wrong labels (n,), the worst image first."""
    scores = np.where(wrong, badness, -1)
    labels = scores.argmax(axis=1)
    worst = scores[np.arange(len(scores)), labels]
    order = np.argsort(-worst, kind="stable")[:limit]
    images = order[worst[order] >= 0]
    return images, labels[images]
