"""Every figure, of few and many classes, and of evaluations that go wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import STEP_LOOKUP_MAP
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from sklearn.metrics import average_precision_score, roc_auc_score

from litclassify.evaluation import AnyEvaluation, Evaluation, LabelEvaluation, class_table
from litclassify.evaluation.figures import (
    Example,
    LabelExample,
    as_rgb,
    class_figure,
    confidence_figure,
    confusion_figure,
    coverage_figure,
    explanation_figure,
    gallery_figure,
    label_figure,
    overlay,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
)
from tests.evaluation.evaluations import DEGENERATE, LABELS, at_random, labels_at_random, labels_of, of, scores_of

FIGURES: dict[str, Callable[[Evaluation], Figure]] = {
    "counts": lambda e: confusion_figure(e, normalised=False),
    "shares": lambda e: confusion_figure(e, normalised=True),
    "classes": lambda e: class_figure(e, class_table(e)),
    "precision and recall": lambda e: precision_recall_figure(e, class_table(e)),
    "ROC": lambda e: roc_figure(e, class_table(e)),
    "reliability": lambda e: reliability_figure({"before": e, "after": e.at_temperature(2.0)}),
    "confidence": confidence_figure,
    "coverage": coverage_figure,
}


SOME = [[1], [0], [0], [0]]


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("evaluation", DEGENERATE.values(), ids=list(DEGENERATE))
def test_every_evaluation_can_be_drawn(name: str, evaluation: Evaluation) -> None:
    FIGURES[name](evaluation).draw_without_rendering()


@pytest.mark.parametrize("figure", [label_figure, precision_recall_figure, roc_figure])
@pytest.mark.parametrize("evaluation", LABELS.values(), ids=list(LABELS))
def test_several_labels_can_be_drawn(figure: Callable[..., Figure], evaluation: LabelEvaluation) -> None:
    figure(evaluation, class_table(evaluation)).draw_without_rendering()


def areas_drawn(figure: Figure) -> dict[str, float]:
    """Measure what is below each named line, as it is drawn."""
    areas = {}
    for line in figure.axes[0].lines:
        x, y = STEP_LOOKUP_MAP[line.get_drawstyle()](*line.get_data())
        areas[line.get_label().split("  ")[0]] = float(trapezoid(y, x))
    return {name: area for name, area in areas.items() if not name.startswith("_")}


@pytest.mark.parametrize(
    "evaluation",
    [at_random(), DEGENERATE["ties"], DEGENERATE["all alike"], LABELS["at random"], labels_of(np.zeros((4, 1)), SOME)],
    ids=["classes", "ties", "all alike", "labels", "labels all alike"],
)
@pytest.mark.parametrize(
    ("figure", "score"), [(precision_recall_figure, average_precision_score), (roc_figure, roc_auc_score)]
)
def test_curves_enclose_the_area_that_their_legend_says(
    evaluation: AnyEvaluation, figure: Callable[..., Figure], score: Callable[..., float]
) -> None:
    drawn = figure(evaluation, class_table(evaluation))
    expected = {
        name: score(evaluation.positives(k), scores_of(evaluation, k)) for k, name in enumerate(evaluation.class_names)
    }
    assert areas_drawn(drawn) == pytest.approx(expected, abs=1e-6)
    said = dict(text.get_text().split("  ") for text in drawn.legends[0].get_texts())
    assert {name: float(text.split()[1]) for name, text in said.items()} == pytest.approx(expected, abs=6e-4)


def test_labels_have_a_bar_and_a_mark_each() -> None:
    evaluation = labels_at_random(num_labels=30)
    table = class_table(evaluation)
    axes = label_figure(evaluation, table).axes[0]
    shown = np.argsort(table.f1, kind="stable")[:25]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(table.f1[shown])
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 0], table.average_precision[shown])
    assert axes.get_title() == "the lowest 25 of 30 labels"


def test_cells_hold_their_numbers_as_long_as_they_can_be_read() -> None:
    few = texts_of(confusion_figure(of(np.eye(3) * 5, [0, 1, 1]), normalised=False))
    assert few == ["1", "1", "1"]
    assert texts_of(confusion_figure(of(np.eye(4)[[0, 0, 0, 1]], [0, 0, 1, 1]), normalised=True)) == ["1", ".50", ".50"]
    assert not texts_of(confusion_figure(at_random(num_classes=30), normalised=False))


@pytest.mark.parametrize(("num_classes", "named"), [(60, True), (61, False)])
def test_rows_have_names_as_long_as_there_is_room(num_classes: int, named: bool) -> None:
    axes = confusion_figure(at_random(2000, num_classes), normalised=True).axes[0]
    assert ("class 59" in [label.get_text() for label in axes.get_yticklabels()]) is named


def test_a_thousand_classes_have_a_pixel_each() -> None:
    figure = confusion_figure(at_random(5000, 1000), normalised=False)
    figure.draw_without_rendering()
    box = figure.axes[0].get_window_extent()
    assert min(box.width, box.height) >= 1000


def test_a_single_image_among_many_classes_is_to_be_seen() -> None:
    targets = np.arange(5000) % 500
    predicted = targets.copy()
    predicted[123] = 400
    logits = np.zeros((5000, 500), np.float32)
    logits[np.arange(5000), predicted] = 5
    figure = confusion_figure(of(logits, targets), normalised=False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    column, row = figure.axes[0].transData.transform((400, 123)).round().astype(int)
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3]
    assert pixels[row, column].astype(int).sum() < 0.8 * 3 * 255
    assert (pixels[row + 8, column] == 255).all()


def test_the_worst_classes_are_named() -> None:
    evaluation = at_random(num_images=2000, num_classes=50)
    table = class_table(evaluation)
    first = roc_figure(evaluation, table).legends[0].get_texts()[0].get_text()
    assert first.startswith(f"class {np.argmin(table.auroc)} ")
    labels = [label.get_text() for label in class_figure(evaluation, table).axes[0].get_yticklabels()]
    assert labels == [f"class {k}" for k in np.argsort(table.recall, kind="stable")[:25]]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_examples_of_any_number_of_channels_are_shown_with_names_as_they_are(channels: int) -> None:
    image = np.zeros((channels, 8, 8), np.uint8)
    figure = gallery_figure([Example(image, f"{'long/' * 9}$a_{{1}}.png", "$x^2$", "dog", 0.9, 0.05)] * 7)
    figure.draw_without_rendering()
    assert figure.axes[0].get_title() == "dog 0.90\nnot \\$x^2\\$ 0.05"
    assert figure.axes[0].get_xlabel().endswith(r"\$a_{1}.png")
    assert len(figure.axes) == 7


@pytest.mark.parametrize(
    "image", [np.full((3, 8, 12), 255, np.uint8), np.ones((3, 8, 12), np.float32), np.ones((1, 8, 12))]
)
def test_an_overlay_grows_brighter_with_the_map(image: NDArray[Any]) -> None:
    ramp = np.linspace(0, 1, 12)[None].repeat(8, axis=0)
    picture = overlay(image, ramp)
    assert picture.dtype == np.uint8
    assert picture.shape == (8, 12, 3)
    assert (np.diff((picture @ [0.299, 0.587, 0.114])[0]) > 0).all()
    assert (as_rgb(image) == 255).all()


@pytest.mark.parametrize("count", [1, 4])
def test_prediction_and_target_are_explained_side_by_side(count: int) -> None:
    example = Example(np.zeros((3, 8, 8), np.uint8), "a.png", "cat", "dog", 0.9, 0.05)
    figure = explanation_figure([example] * count, np.zeros((count, 2, 8, 8)))
    axes = figure.axes[0]
    assert len(figure.axes) == count
    assert (axes.get_title(loc="left"), axes.get_title(loc="right")) == ("dog 0.90", "cat 0.05")
    assert axes.images[0].get_array().shape == (8, 17, 3)


def test_a_label_is_explained_beside_its_image() -> None:
    example = LabelExample(np.zeros((3, 8, 8), np.uint8), "a.png", "dog", 0.9, ["cat", "$x^2$"])
    assert example.title == "dog 0.90\ncat, \\$x^2\\$"
    assert LabelExample(example.image, "a.png", "dog", 0.1, []).title == "dog 0.10\nno label"
    axes = explanation_figure([example], np.ones((1, 1, 8, 8))).axes[0]
    assert (axes.get_title(loc="left"), axes.get_title(loc="right")) == ("", "dog 0.90")
    picture = axes.images[0].get_array()
    assert picture.shape == (8, 17, 3)
    assert (picture[:, :8] == 0).all()
    gallery_figure([example]).draw_without_rendering()
