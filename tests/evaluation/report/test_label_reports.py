import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from litclassify.evaluation import LabelEvaluation, class_table, label_intervals, summary
from litclassify.evaluation.report import (
    Report,
    ReportTable,
    html_report,
    label_galleries,
    label_pictures,
    label_tables,
    markdown_report,
)
from tests.evaluation.evaluations import LABELS, labels_at_random, labels_of
from tests.evaluation.report.test_reports import HOSTILE, Elements
from tests.evaluation.test_metrics import UNDEFINED


def tables_of(evaluation: LabelEvaluation) -> dict[str, ReportTable]:
    table = class_table(evaluation)
    tables = label_tables(evaluation, table, summary(evaluation, table), label_intervals(evaluation, 20))
    return {table.key: table for table in tables}


def black(indices: object) -> NDArray[np.uint8]:
    return np.zeros((len(list(indices)), 3, 8, 8), np.uint8)  # type: ignore[call-overload]


@pytest.mark.parametrize("evaluation", LABELS.values(), ids=list(LABELS))
def test_every_evaluation_has_a_report(evaluation: LabelEvaluation) -> None:
    assert list(tables_of(evaluation)) == ["metrics", "labels", "averages", "thresholds"]
    assert len(label_pictures(evaluation, class_table(evaluation))) == 3
    label_galleries(evaluation, [str(i) for i in range(len(evaluation))], black, 3)


def test_names_are_escaped() -> None:
    evaluation = labels_at_random(num_labels=3)
    named = LabelEvaluation(evaluation.logits, evaluation.targets, [HOSTILE, "b", "c"])
    paths = [f"{HOSTILE}/{i}.png" for i in range(len(named))]
    pictures = [*label_pictures(named, class_table(named)), *label_galleries(named, paths, black, 4)]
    report = Report("Test", {}, list(tables_of(named).values()), pictures, {})
    assert "script" not in Elements(html_report(report)).tags
    assert "<script>" not in markdown_report(report, "report")
    assert len(report.pictures) == 5


@UNDEFINED
@pytest.mark.parametrize("name", ["at random", "a label without images", "a high threshold"])
def test_averages_are_those_of_scikit_learn(name: str) -> None:
    evaluation = LABELS[name]
    for row, average in zip(tables_of(evaluation)["averages"].rows, ("micro", "macro", "weighted"), strict=True):
        expected = precision_recall_fscore_support(
            evaluation.targets, evaluation.predicted, average=average, zero_division=0
        )
        assert [float(cell) for cell in row[1:4]] == pytest.approx(expected[:3], abs=6e-5)


def test_the_label_without_images_is_undefined_and_comes_last() -> None:
    *rows, last = tables_of(LABELS["a label without images"])["labels"].rows
    assert [float(row[4]) for row in rows] == sorted(float(row[4]) for row in rows)
    assert last == ["label 4", "0", "0.0000", "0.0000", "0.0000", "undefined", "undefined"]


def test_thresholds_tell_what_others_would_give() -> None:
    evaluation = labels_of([[1, -1], [3, 0.5], [-3, 2]], [[0, 0], [1, 0], [0, 1]], threshold=0.55)
    rows = {row[0]: row[1:] for row in tables_of(evaluation)["thresholds"].rows}
    assert rows["0.55"] == ["0.5000", "1.0000", "0.6667", "0.6667", "1.33"]
    assert rows["0.8"] == ["1.0000", "1.0000", "1.0000", "1.0000", "0.67"]
    assert "images have 0.67 labels" in tables_of(evaluation)["thresholds"].note


def test_galleries_show_the_worst_label_of_an_image() -> None:
    logits = [[3, 5, -1], [-9, -9, 9], [1, -4, -2], [2, 2, 2]]
    targets = [[0, 0, 1], [0, 0, 1], [1, 1, 1], [1, 0, 1]]
    read, explained = [], []

    def images(indices: object) -> NDArray[np.uint8]:
        read.append(list(indices))  # type: ignore[call-overload]
        return black(indices)

    def maps(images: NDArray[np.generic], classes: NDArray[np.int64]) -> NDArray[np.float64]:
        explained.append(classes.tolist())
        return np.zeros((len(images), 1, 8, 8))

    pictures = label_galleries(labels_of(logits, targets), list("abcd"), images, 2, maps, 1)
    assert [picture.title for picture in pictures] == [
        *("Wrong labels", "Wrong labels explained", "Missed labels", "Missed labels explained")
    ]
    assert read == [[0, 3], [2, 0]]
    assert explained == [[[1]], [[1]]]
