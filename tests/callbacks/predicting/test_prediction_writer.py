import csv
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from litclassify.callbacks import PredictionWriter
from litclassify.errors import UserError

CLASSES = ["ant", "bee", "cat, tabby"]


def trainer(paths: list[str], rank: int = 0, world_size: int = 1) -> Any:
    return SimpleNamespace(
        global_rank=rank,
        world_size=world_size,
        is_global_zero=rank == 0,
        strategy=SimpleNamespace(barrier=lambda: None, broadcast=lambda value: value),
        predict_dataloaders=SimpleNamespace(dataset=SimpleNamespace(paths=paths)),
    )


def predict(writer: PredictionWriter, trainer: Any, indices: list[int], probabilities: torch.Tensor) -> None:
    index = probabilities.argmax(1)
    prediction = {"index": index, "label": [CLASSES[i] for i in index], "probabilities": probabilities}
    writer.setup(trainer, None, "predict")
    writer.on_predict_start(trainer, None)
    writer.write_on_batch_end(trainer, None, prediction, indices, None, 0, 0)


PATHS = ["a.jpg", 'odd "name",\nwith a line.jpg', "ü.jpg"]
PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.25, 0.5, 0.25]])


def test_csv_holds_every_class_in_the_order_of_probability(tmp_path: Path) -> None:
    writer = PredictionWriter(tmp_path / "p.csv", CLASSES)
    predict(writer, trainer(PATHS), [0, 1, 2], PROBABILITIES)
    writer.on_predict_end(trainer(PATHS), None)
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == PATHS
    assert [row["label"] for row in rows] == ["ant", "cat, tabby", "bee"]
    assert [rows[0][f"top{k}"] for k in (1, 2, 3)] == CLASSES
    assert float(rows[0]["top3_confidence"]) == pytest.approx(0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_json_lines_hold_the_same(tmp_path: Path) -> None:
    writer = PredictionWriter(tmp_path / "p.jsonl", CLASSES, top_k=2)
    predict(writer, trainer(PATHS), [0, 1, 2], PROBABILITIES)
    writer.on_predict_end(trainer(PATHS), None)
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[1]["path"] == PATHS[1]
    top = ["top1", "top1_confidence", "top2", "top2_confidence"]
    assert list(rows[1]) == ["path", "label", "confidence", *top, "error"]


def test_parts_of_two_processes_are_joined_in_order(tmp_path: Path) -> None:
    writers = [PredictionWriter(tmp_path / "p.csv", CLASSES) for _ in range(2)]
    predict(writers[1], trainer(PATHS, 1, 2), [1], PROBABILITIES[1:2])
    writers[1].on_predict_end(trainer(PATHS, 1, 2), None)
    predict(writers[0], trainer(PATHS, 0, 2), [0, 2], PROBABILITIES[::2])
    writers[0].on_predict_end(trainer(PATHS, 0, 2), None)
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == PATHS


def test_a_prediction_that_fails_leaves_an_earlier_file_and_no_parts(tmp_path: Path) -> None:
    earlier = "path,label,confidence,top1,top1_confidence,error\n"
    (tmp_path / "p.csv").write_text(earlier)
    writer = PredictionWriter(tmp_path / "p.csv", CLASSES)
    predict(writer, trainer(PATHS), [0, 1, 2], PROBABILITIES)
    writer.on_exception(trainer(PATHS), None, RuntimeError())
    assert (tmp_path / "p.csv").read_text() == earlier
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_images_without_probabilities_are_refused(tmp_path: Path, suffix: str) -> None:
    writer = PredictionWriter(tmp_path / f"p.{suffix}", CLASSES)
    probabilities = PROBABILITIES.clone()
    probabilities[1:] = torch.nan
    with pytest.raises(UserError, match='gives nan or inf for 2 of 3 images of a batch, such as \'odd "name"'):
        predict(writer, trainer(PATHS), [0, 1, 2], probabilities)
    writer.on_exception(trainer(PATHS), None, RuntimeError())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("p.txt", r"\.csv, \.jsonl or \.parquet, got"),
        ("p", r"\.csv, \.jsonl or \.parquet, got"),
        ("no/p.csv", "does not exist: create"),
        ("folder.csv", "is a directory"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=message):
        PredictionWriter(tmp_path / name, CLASSES).setup(trainer(PATHS), None, "predict")


@pytest.mark.parametrize(
    ("loaders", "expected"),
    [
        (SimpleNamespace(dataset=SimpleNamespace(samples=[("x.png", 0), ("y.png", 1)])), ["x.png", "y.png"]),
        (SimpleNamespace(dataset=object()), ["predict/0", "predict/1"]),
        ([torch.zeros(2)], ["predict/0", "predict/1"]),
    ],
)
@pytest.mark.parametrize("indices", [[0, 1], []])
def test_samples_without_paths_are_numbered(
    tmp_path: Path, loaders: Any, expected: list[str], indices: list[int]
) -> None:
    run = trainer([])
    run.predict_dataloaders = loaders
    writer = PredictionWriter(tmp_path / "p.jsonl", CLASSES)
    predict(writer, run, indices, PROBABILITIES[:2])
    writer.on_predict_end(run, None)
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["path"] for row in rows] == expected


class Names(Sequence[str]):
    """Names that take no memory."""

    def __init__(self, size: int) -> None:
        self.numbers = range(size)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.numbers[index]
        return f"{chosen:08}.jpg" if isinstance(chosen, int) else [f"{i:08}.jpg" for i in chosen]


def peak_bytes(path: Path, num_batches: int) -> int:
    names = Names(100 * num_batches)
    dataset = SimpleNamespace(paths=names, targets=torch.full((1,), -1), in_memory=True)
    source: Any = SimpleNamespace(batch_size=100, predicted_batches=0, predict_dataset=dataset)
    run = trainer([])
    run.limit_predict_batches = 1.0
    run.strategy.root_device = torch.device("cpu")
    run.predict_dataloaders = SimpleNamespace(batch_sampler=SimpleNamespace(seen_batch_indices=[()]))
    writer = PredictionWriter(path, CLASSES, source=source)
    probabilities = PROBABILITIES.repeat(34, 1)[:100]
    index = probabilities.argmax(1)
    prediction: Any = {"index": index, "label": [CLASSES[i] for i in index], "probabilities": probabilities}
    tracemalloc.start()
    writer.setup(run, None, "predict")
    writer.on_predict_start(run, None)
    for _ in range(num_batches):
        writer.write_on_batch_end(run, None, prediction, None, (None, None), 0, 0)
    writer.on_predict_end(run, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert writer.outcome is not None
    assert writer.outcome.rows == 100 * num_batches
    return peak


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_more_predictions_take_no_more_memory(tmp_path: Path, suffix: str) -> None:
    peak_bytes(tmp_path / f"first.{suffix}", 1)  # What is imported is held from now on.
    few, many = (peak_bytes(tmp_path / f"{count}.{suffix}", count) for count in (5, 50))
    assert many < few + 100_000  # 4,500 rows more would take 2 MB.
