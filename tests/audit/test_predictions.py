import json
from pathlib import Path

import numpy as np
import pytest

from litclassify.audit.inventory import Inventory, Sample
from litclassify.audit.predictions import KnownProbabilities
from litclassify.errors import UserError

NAMES = ["bee", "cat", "dog", "emu"]


@pytest.fixture
def known(tmp_path: Path) -> KnownProbabilities:
    samples = [Sample("train/cat/a.jpg", "train", "cat"), Sample("train/dog/b.jpg", "train", "dog")]
    return KnownProbabilities(Inventory(samples, str(tmp_path)), NAMES)


def test_a_column_for_every_class_is_taken_as_it_is(known: KnownProbabilities, tmp_path: Path) -> None:
    header = ",".join(["path", "label", *(f"probability_{name}" for name in NAMES)])
    (tmp_path / "p.csv").write_text(f"{header}\n{tmp_path}/train/dog/../dog/b.jpg,dog,0.1,0.2,0.6,0.1\n")
    known.read(tmp_path / "p.csv")
    assert known.values[1] == pytest.approx([0.1, 0.2, 0.6, 0.1])
    assert np.isnan(known.values[0]).all()


def test_classes_that_a_row_leaves_out_share_the_rest(known: KnownProbabilities, tmp_path: Path) -> None:
    row = {"path": f"{tmp_path}/train/cat/a.jpg", "label": "cat", "top1": "cat", "top1_confidence": 0.7}
    row |= {"top2": "dog", "top2_confidence": 0.2}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    known.read(tmp_path / "p.jsonl")
    assert known.values[0] == pytest.approx([0.05, 0.7, 0.2, 0.05])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "path,label,top1,top1_confidence\n{}/train/cat/a.jpg,cat,cat,0.7\n"),
        ("p.jsonl", '{{"path": "{}/train/cat/a.jpg", "label": "cat", "top1": "cat", "top1_confidence": 0.7}}\n'),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_name(
    name: str, text: str, known: KnownProbabilities, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text.format(tmp_path), encoding="utf-8-sig")
    known.read(tmp_path / name)
    assert known.values[0] == pytest.approx([0.1, 0.7, 0.1, 0.1])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.txt", "", "takes .csv or .jsonl and the directory of fit --folds"),
        ("p.csv", "a,b\n1,2\n", "row 1 has no path"),
        ("p.csv", "path,label\nother.jpg,cat\n", "row 1 is none that predict writes"),
        ("p.csv", "path,label,top1,top1_confidence\nother.jpg,cat,cat,1\n", "names none of the 2 images, such as"),
        ("p.csv", "path,label,top1,top1_confidence\na.jpg,cow,cow,1\n", "there is no class 'cow'"),
        ("p.csv", "path,label,top1,top1_confidence\na.jpg,cat,cat,high\n", "could not convert string to float: 'high'"),
        ("p.jsonl", "{", "is not a .jsonl file of predictions"),
        ("p.csv", None, "p.csv' cannot be read: No such file"),
        ("folds", None, "folds' cannot be read: No such file"),
        ("x" * 300, None, "cannot be read: File name too long"),
    ],
)
def test_what_predict_did_not_write_is_refused(
    name: str, text: str | None, said: str, known: KnownProbabilities, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as refused:
        known.read(tmp_path / name)
    assert said in str(refused.value)
    assert "--predictions" in str(refused.value)
