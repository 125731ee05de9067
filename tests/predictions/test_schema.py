from typing import Any

import pytest
import torch

from litclassify.errors import UserError
from litclassify.predictions import Schema
from litclassify.predictions.schema import are_columns

CLASSES = ["ant", "bee", "cat"]
PROBABILITIES = torch.tensor([[0.125, 0.5, 0.375], [0.75, 0.25, 0.0]])


def prediction(labels: Any) -> Any:
    return {"index": PROBABILITIES.argmax(1), "label": labels, "probabilities": PROBABILITIES}


def test_columns_come_in_the_order_that_is_documented() -> None:
    schema = Schema(CLASSES, 1, probabilities=True, labelled=True)
    assert list(schema.columns) == [
        *["path", "label", "confidence", "top1", "top1_confidence"],
        *["probability_ant", "probability_bee", "probability_cat", "target", "error"],
    ]


@pytest.mark.parametrize("top_k", [1, 3])
@pytest.mark.parametrize("more", [False, True])
def test_columns_of_predictions_are_known_as_such(top_k: int, more: bool) -> None:
    columns = list(Schema(CLASSES, top_k, probabilities=more, labelled=more).columns)
    assert are_columns(columns)
    assert not any(are_columns(other) for other in ([], columns[1:], columns[:-1], [*columns, "note"]))


def test_a_row_has_a_value_for_each_column() -> None:
    schema = Schema(CLASSES, 2, probabilities=True, labelled=True)
    rows = list(schema.rows(prediction(["bee", "ant"]), ["a", "b"], torch.tensor([2, 0]), ["", "gone"]))
    first, second = (dict(zip(schema.columns, row, strict=True)) for row in rows)
    assert first == {
        **{"path": "a", "label": "bee", "confidence": 0.5, "target": "cat", "error": None},
        **{"top1": "bee", "top1_confidence": 0.5, "top2": "cat", "top2_confidence": 0.375},
        **{"probability_ant": 0.125, "probability_bee": 0.5, "probability_cat": 0.375},
    }
    assert {name for name, value in second.items() if value is not None} == {"path", "target", "error"}


def test_several_labels_are_joined_and_divided_again() -> None:
    schema = Schema(CLASSES, 1, labelled=True, label_separator="|")
    targets = torch.tensor([[True, True, False], [False, False, False]])
    rows = list(schema.rows(prediction([["ant", "cat"], []]), ["a", "b"], targets, ["", ""]))
    assert [(row[1], row[-2]) for row in rows] == [("ant|cat", "ant|bee"), ("", "")]
    assert schema.labels("ant|cat") == ["ant", "cat"]
    assert schema.labels("") == []


def test_a_separator_that_is_part_of_a_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.label_separator: '\|' is part of the label 'a\|b'"):
        Schema(["a", "a|b"], 1, label_separator="|")
    assert Schema(["a", "a|b"], 1, label_separator=";").labels("a|b;a") == ["a|b", "a"]
    assert Schema(["a", "a|b"], 1).labels("a|b") == ["a|b"]


@pytest.mark.parametrize("separator", [None, ";"])
def test_names_that_are_no_utf8_are_spelt_out(separator: str | None) -> None:
    schema = Schema(["\udcff", "b"], 1, label_separator=separator)
    labels = ["\udcff"] if separator is None else [["\udcff"]]
    probabilities = torch.tensor([[0.75, 0.25]])
    (row,) = schema.rows(
        {"index": probabilities.argmax(1), "label": labels, "probabilities": probabilities}, ["\udce4.jpg"], None, [""]
    )
    assert row[:4] == ["\\udce4.jpg", "\\udcff", 0.75, "\\udcff"]
