"""Names in any script, with and without a font that has their glyphs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from litclassify.evaluation import Evaluation, class_table
from litclassify.evaluation.figures import Example, confusion_figure, fonts, gallery_figure
from litclassify.evaluation.figures.style import cut, shortened
from litclassify.evaluation.report import Picture, evaluation_pictures
from tests.evaluation.evaluations import at_random

CAT, DOG = "猫", "犬"


@pytest.fixture(autouse=True)
def without_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the fonts of this machine, but for matplotlib's."""
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if "DejaVu" in font.name])
    forget()
    yield
    forget()


@pytest.fixture
def font(without_fonts: None, tmp_path: Path) -> None:
    """Install a font of squares, which has a cat and no dog."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord(CAT): "cat"})
    builder.setupGlyf(dict.fromkeys([".notdef", "cat"], pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", "cat"], (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Noto Sans CJK SC", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "font.ttf")
    fontManager.addfont(tmp_path / "font.ttf")


def forget() -> None:
    fonts._family_of.cache_clear()
    fonts._families.cache_clear()


def named(name: str) -> Evaluation:
    evaluation = at_random(num_classes=3)
    return Evaluation(evaluation.logits, evaluation.targets, [name, "b", "ü"])


def families_of(evaluation: Evaluation) -> list[str]:
    figure = confusion_figure(evaluation, normalised=False)
    Picture.of(figure, "title", "note")
    return figure.axes[0].get_yticklabels()[0].get_fontfamily()


def test_an_installed_font_is_taken_where_it_is_needed(font: None) -> None:
    assert shortened([f"{CAT}_1"]) == [f"{CAT}_1"]
    assert families_of(named(CAT)) == ["sans-serif", "Noto Sans CJK SC"]
    assert families_of(named("cat")) == ["sans-serif"]


@pytest.mark.parametrize("name", [CAT, f"{CAT}{DOG} 한국어 😀", "a\u0308\u200d\ufe0f"])
def test_pictures_of_any_name_are_drawn_without_warnings(name: str) -> None:
    evaluation = named(name)
    assert len(evaluation_pictures(evaluation, class_table(evaluation))) == 8
    example = Example(evaluation.logits[None], f"{name}/{name}.png", name, "b", 0.5, 0.5)
    Picture.of(gallery_figure([example]), "title", "note")


def test_what_no_font_has_is_spelled_out(font: None) -> None:
    assert shortened([DOG, f"{CAT}{DOG}", "ü"]) == [r"\u72ac", rf"{CAT}\u72ac", "ü"]


def test_codes_are_cut_as_a_whole() -> None:
    assert shortened([CAT * 3, CAT * 4]) == [r"\u732b" * 3, r"\u732b" * 2 + "…"]
    assert cut(f"{CAT}{DOG}/0.png", 13, keeps_end=True) == r"…\u72ac/0.png"
    assert cut(f"{CAT}{DOG}/0.png", 12, keeps_end=True) == "…/0.png"


def test_wide_letters_count_as_two(font: None) -> None:
    assert shortened([CAT * 9, CAT * 10]) == [CAT * 9, CAT * 8 + "…"]
    assert cut(CAT * 13, 24, keeps_end=True) == "…" + CAT * 11
