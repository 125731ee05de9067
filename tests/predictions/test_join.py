from pathlib import Path

import pytest
import torch

from litclassify.errors import UserError
from litclassify.metrics import MultiLabelMetrics
from litclassify.predictions import Outcome, Part, Parts, Schema, join_parts

SCHEMA = Schema(["ant", "bee"], 1, labelled=True)
ROWS = [
    ["a.jpg", "ant", 0.75, "ant", 0.75, "ant", None],
    ["b.jpg", "bee", 0.75, "bee", 0.75, "ant", None],
    ["c.jpg", None, None, None, None, "ant", "The file is empty."],
]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    (tmp_path / "p.csv").write_text("an earlier table")
    parts = Parts(tmp_path / "p.csv", 1)
    part = Part(parts.paths[0], {})
    part.write_batch(ROWS)
    part.close()
    return parts


def test_the_table_takes_the_place_of_the_parts(parts: Parts, tmp_path: Path) -> None:
    outcome = join_parts(parts, SCHEMA, expected_rows=3)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
    assert len(parts.table.read_text().splitlines()) == 4
    assert (outcome.rows, outcome.unreadable, outcome.accuracy) == (3, 1, 0.5)
    assert outcome.first_error == "'c.jpg': The file is empty."


def test_a_table_that_lacks_rows_is_none(parts: Parts) -> None:
    with pytest.raises(UserError, match="3 of 4 predictions were found"):
        join_parts(parts, SCHEMA, expected_rows=4)
    assert parts.table.read_text() == "an earlier table"
    assert set(parts.table.parent.iterdir()) == {parts.table, *parts.paths}


def test_a_process_that_outlives_its_command_writes_into_no_part_of_the_next(parts: Parts) -> None:
    left_behind = Part(parts.paths[0], {})
    part = Part(parts.paths[0], {})
    left_behind.write_batch(ROWS)
    part.write_batch(ROWS[:1])
    assert list(parts.joined_rows()) == [ROWS[:1]]
    left_behind.close()
    part.close()


def test_accuracy_of_several_labels_is_that_of_the_metric() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand((40, 5), generator=generator)
    targets = torch.rand((40, 5), generator=generator) > 0.5
    schema = Schema(list("abcde"), 2, labelled=True, label_separator="|")
    labels = [[name for name, p in zip("abcde", row, strict=True) if p > 0.5] for row in probabilities.tolist()]
    outcome = Outcome(Path("p.csv"))
    prediction = {"index": probabilities.argmax(1), "label": labels, "probabilities": probabilities}
    outcome.add(schema.rows(prediction, [""] * 40, targets, [""] * 40), schema)
    metrics = MultiLabelMetrics(5, "test_", threshold=0.5, ranked=False)
    metrics.add(torch.tensor(0.0), probabilities.logit(), targets)
    metrics.finish()
    assert outcome.accuracy == pytest.approx(float(metrics["acc"].compute()))


def test_an_image_that_is_rejected_is_right_if_its_most_probable_class_is() -> None:
    schema = Schema(["cat", "dog"], 2, labelled=True)
    probabilities = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.4, 0.6]])
    prediction = {
        "index": probabilities.argmax(1),
        "label": ["unknown", "cat", "unknown"],
        "probabilities": probabilities,
    }
    outcome = Outcome(Path("p.csv"))
    outcome.add(schema.rows(prediction, [""] * 3, torch.tensor([0, 0, 0]), [""] * 3), schema)
    assert outcome.accuracy == pytest.approx(2 / 3)


def test_without_known_classes_there_is_no_accuracy() -> None:
    assert Outcome(Path("p.csv")).accuracy is None
