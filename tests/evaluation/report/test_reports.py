from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from litclassify.evaluation import bootstrap_intervals, class_table, summary
from litclassify.evaluation.report import (
    Report,
    evaluation_pictures,
    evaluation_tables,
    gallery_pictures,
    html_report,
    markdown_report,
)
from litclassify.rejection import ConfidenceThreshold, EnergyThreshold
from tests.evaluation.evaluations import at_random, of

HOSTILE = "<script>alert(1)</script>|`*_[x](y)"


class Elements(HTMLParser):
    """Collects the elements of a page, and what its links and sources are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def report_of(name: str = "a class") -> Report:
    evaluation = at_random(num_classes=3)
    named = type(evaluation)(evaluation.logits, evaluation.targets, [name, "b", "c"])
    table = class_table(named)
    paths = [f"{name}/{i}.png" for i in range(len(named))]
    galleries = gallery_pictures(named, paths, lambda indices: np.zeros((len(indices), 3, 8, 8), np.uint8), 4)
    return Report(
        title=f"Test of {name}",
        facts={"checkpoint": name},
        tables=evaluation_tables(named, table, summary(named, table), bootstrap_intervals(named, 20)),
        pictures=[*evaluation_pictures(named, table), *galleries],
        texts={"config": f"root: {name}"},
    )


def test_the_page_needs_nothing_else_and_has_no_code() -> None:
    page = html_report(report_of(HOSTILE))
    elements = Elements(page)
    assert "script" not in elements.tags
    assert elements.tags.count("img") == 10
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in elements.sources)
    assert "&lt;script&gt;" in page


def test_markdown_shows_names_as_they_are() -> None:
    text = markdown_report(report_of(HOSTILE), "report")
    assert "<script>" not in text.replace(f"    root: {HOSTILE}", "")
    rows = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| ") and "script" in line]
    assert {row.count("|") for row in rows} == {8, 5}  # Of the classes, and of the confused pairs.


def test_tables_tell_the_figures_and_the_lowest_class_first() -> None:
    evaluation = of(np.eye(3)[[0, 0, 1, 2]] * 4, [0, 1, 1, 2])
    table = class_table(evaluation)
    metrics, classes, pairs, rejection = evaluation_tables(
        evaluation, table, {"acc": 0.75, "auroc": float("nan")}, {"acc": (0.5, 1)}
    )
    assert metrics.rows == [["acc", "0.7500", "0.5000 to 1.0000"], ["auroc", "undefined", ""]]
    assert classes.rows[-1] == ["class 2", "1", "1.0000", "1.0000", "1.0000", "1.0000", "1.0000"]
    assert pairs.rows == [["class 1", "class 0", "1", "50.0%"]]
    assert rejection.rows == [
        ["confidence", "0.964663", "100.0%", "0.7500"],
        ["energy", "4.035976", "100.0%", "0.7500"],
    ]


@pytest.mark.parametrize("scale", [1, 8, 30])
def test_thresholds_keep_what_their_rows_say_also_where_confidences_are_saturated(scale: float) -> None:
    random = at_random(num_images=2000)
    evaluation = of(random.logits * scale, random.targets)
    *_, rejection = evaluation_tables(evaluation, class_table(evaluation), {}, {})
    thresholds = {"confidence": ConfidenceThreshold, "energy": EnergyThreshold}
    for name, threshold, share, accuracy in rejection.rows:
        logits, probabilities = torch.from_numpy(evaluation.logits), torch.from_numpy(evaluation.probabilities)
        accepted = thresholds[name](float(threshold)).accepts(logits, probabilities).numpy()
        assert f"{accepted.mean():.1%}" == share
        assert f"{evaluation.correct[accepted].mean():.4f}" == accuracy
    assert len({tuple(row[:2]) for row in rejection.rows}) == len(rejection.rows)
    assert [row[2] for row in rejection.rows if row[0] == "energy"] == [
        "100.0%",
        "99.0%",
        "95.0%",
        "90.0%",
        "80.0%",
        "50.0%",
    ]


def test_classes_without_images_stand_below_those_that_are_bad() -> None:
    few = at_random(num_classes=5)
    evaluation = of(np.hstack([np.full((len(few), 25), -20.0), few.logits]), few.targets + 25)
    table = class_table(evaluation)
    _, classes, *_ = evaluation_tables(evaluation, table, {}, {})
    assert [row[0] for row in classes.rows[:5]] == [f"class {k}" for k in 25 + np.argsort(table.f1[25:])]
    assert {row[1] for row in classes.rows[5:]} == {"0"}


def test_without_intervals_there_is_no_column_for_them() -> None:
    metrics, *_ = evaluation_tables(at_random(), class_table(at_random()), {"acc": 0.75}, {})
    assert (metrics.columns, metrics.rows, metrics.note) == (["metric", "value"], [["acc", "0.7500"]], "")


def test_galleries_show_the_worst_first_and_none_where_all_is_right() -> None:
    logits = [[9, 0, 0], [0, 5, 0], [2, 0, 0], [0, 0, 3]]
    evaluation, read = of(logits, [0, 0, 1, 1]), []

    def images(indices: object) -> np.ndarray:
        read.append(indices)
        return np.zeros((len(read[-1]), 1, 8, 8), np.uint8)

    galleries = gallery_pictures(evaluation, list("abcd"), images, 2)
    assert [picture.title for picture in galleries] == ["Worst predictions", "Confident mistakes"]
    assert read == [[1, 3], [1, 3]]
    assert gallery_pictures(of(np.eye(3), [0, 1, 2]), list("abc"), images, 2) == []
