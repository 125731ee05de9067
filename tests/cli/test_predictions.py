"""`predict`: what is written, what is damaged, and what goes on where it was interrupted."""

import csv
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pyarrow import parquet
from tests.cli.image_predictions import FOLDER, PREDICT, QUIET
from tests.conftest import SMALL, every

from litclassify.cli import main
from litclassify.models import ImageClassifier


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two classes of images and a run on them, and a run on digits in `digits`."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for label, base in (("bright", 200), ("dark", 20)):
            Path("images", label).mkdir(parents=True)
            for i in range(12):
                Image.new("RGB", (16, 16), (base + i, base, base + 2 * i)).save(f"images/{label}/{i:02}.png")
        main(["fit", *SMALL, *FOLDER, "--data.batch_size", "4"])
        main(["fit", *SMALL, "--runs_dir", "digits"])
    return folder


@pytest.fixture(autouse=True)
def _here(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


def read(path: str) -> list[dict[str, Any]]:
    if path.endswith(".parquet"):
        return parquet.read_table(path).to_pylist()
    text = Path(path).read_text(encoding="utf-8")
    if path.endswith(".jsonl"):
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("suffix", every(2, ["csv", "jsonl", "parquet"]))
def test_formats_hold_the_same(suffix: str) -> None:
    main([*PREDICT, "--data.path", "images", "--output", f"p.{suffix}"])
    main([*PREDICT, "--data.path", "images", "--output", "reference.jsonl"])
    rows, expected = read(f"p.{suffix}"), read("reference.jsonl")
    top = ["top1", "top1_confidence", "top2", "top2_confidence"]
    assert list(rows[0]) == ["path", "label", "confidence", *top, "target", "error"]
    assert [row["label"] for row in rows] == [row["label"] for row in expected]
    assert [float(row["confidence"]) for row in rows] == [row["confidence"] for row in expected]


def test_probabilities_are_a_column_for_each_class() -> None:
    main([*PREDICT, "--data.path", "images/dark", "--output", "p.jsonl", "--probabilities", "true", "--top_k", "1"])
    for row in read("p.jsonl"):
        assert row["probability_bright"] + row["probability_dark"] == pytest.approx(1)
        assert row[f"probability_{row['label']}"] == row["confidence"]
        assert "top2" not in row


def test_more_classes_than_there_are_is_said(caplog: pytest.LogCaptureFixture) -> None:
    main([*PREDICT, "--data.path", "images/dark", "--output", "p.jsonl", "--top_k", "7"])
    assert "--top_k 7 lists all 2 classes." in caplog.text
    assert "top2" in read("p.jsonl")[0]


@pytest.mark.parametrize("suffix", every(2, ["csv", "jsonl", "parquet"]))
def test_an_interrupted_prediction_goes_on_to_the_same_table(
    suffix: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = [*PREDICT, "--data.path", "images", "--output"]
    main([*words, f"at_once.{suffix}"])
    with monkeypatch.context() as patch:
        interrupt_at_batch(3, patch)
        with pytest.raises(SystemExit):
            main([*words, f"p.{suffix}"])
    assert "Predicted 12 of 24 images: the same command goes on from there." in caplog.text
    assert not Path(f"p.{suffix}").exists()
    part = Path(f".p.{suffix}.part0")
    part.write_text(part.read_text() + '[["images/dark/00.png", "da')  # As a process that is killed leaves it.
    seen = count_images(monkeypatch)
    main([*words, f"p.{suffix}"])
    assert "Going on behind 12 of 24 images, which are predicted already." in caplog.text
    assert sum(seen) == 12
    assert read(f"p.{suffix}") == read(f"at_once.{suffix}")
    assert suffix == "parquet" or Path(f"p.{suffix}").read_bytes() == Path(f"at_once.{suffix}").read_bytes()
    assert not list(Path().glob(".p.*"))


@pytest.mark.parametrize(
    ("words", "reason"),
    every(
        3,
        [
            (["--data.batch_size", "3"], "data.batch_size is 3, and was 4"),
            (["--data.path", "images/dark"], "the list of images is 12 ("),
            (["--top_k", "1"], "top_k is 1, and was 2"),
            (["--probabilities", "true"], "probabilities is true, and was false"),
            (["--data.image_size", "17"], "data.image_size is 17, and was 16"),
            (
                ["--model.test_time_augmentation", "Flip"],
                "model.test_time_augmentation is litclassify",
            ),
            (["--ckpt_path", "last"], "the checkpoint is "),
        ],
    ),
)
def test_another_prediction_starts_anew_and_says_why(
    words: list[str], reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        interrupt_at_batch(3, patch)
        with pytest.raises(SystemExit):
            main([*PREDICT, "--data.path", "images", "--output", "p.jsonl"])
    seen = count_images(monkeypatch)
    main([*PREDICT, "--data.path", "images", *words, "--output", "p.jsonl"])
    assert f"Starting anew: 'p.jsonl' was begun with other settings: {reason}" in caplog.text
    assert sum(seen) == len(read("p.jsonl"))


def test_what_changes_no_prediction_lets_it_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_at_batch(5, patch)
        with pytest.raises(SystemExit):
            main([*PREDICT, "--data.path", "images", "--output", "p.csv"])
    seen = count_images(monkeypatch)
    main([*PREDICT, "--data.path", "images/", "--output", "p.csv", "--sort_into", "sorted", "--data.num_workers", "1"])
    assert sum(seen) == 4
    assert len(list(Path("sorted").rglob("*.png"))) == 24


def test_a_prediction_whose_batches_are_all_there_does_the_last_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("litclassify.predictions.join.open_table", interrupt)
        with pytest.raises(SystemExit):
            main([*PREDICT, "--data.path", "images", "--output", "p.csv"])
    seen = count_images(monkeypatch)
    main([*PREDICT, "--data.path", "images", "--output", "p.csv"])
    assert sum(seen) == 4
    assert len(read("p.csv")) == 24


@pytest.mark.parametrize("value", every(2, [math.nan, math.inf]))
def test_an_image_without_probabilities_ends_the_prediction_which_can_go_on(
    value: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logits_of = ImageClassifier._logits

    def logits(self: ImageClassifier, images: Any, views: Any) -> Any:
        given = logits_of(self, images, views)
        given[(images[:, 0, 0, 0] == 21) & (images[:, 2, 0, 0] == 22), 0] = value
        return given

    words = [*PREDICT, "--data.path", "images", "--output", "p.jsonl"]
    with monkeypatch.context() as patch:
        patch.setattr(ImageClassifier, "_logits", logits)
        with pytest.raises(SystemExit) as ended:
            main(words)
    assert ended.value.code == 2
    assert "gives nan or inf for 1 of 4 images of a batch, such as 'images/dark/01.png'" in capsys.readouterr().err
    assert not Path("p.jsonl").exists()
    seen = count_images(monkeypatch)
    main(words)
    assert sum(seen) == 12
    assert [row["path"] for row in read("p.jsonl")] == sorted(map(str, Path("images").rglob("*.png")))


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def interrupt_at_batch(number: int, patch: pytest.MonkeyPatch) -> None:
    predict_step = ImageClassifier.predict_step

    def step(self: ImageClassifier, batch: Any, batch_idx: int) -> Any:
        return interrupt() if batch_idx == number else predict_step(self, batch, batch_idx)

    patch.setattr(ImageClassifier, "predict_step", step)


def count_images(patch: pytest.MonkeyPatch) -> list[int]:
    """Give a list that gets the size of each batch that is predicted from now on."""
    predict_step, seen = ImageClassifier.predict_step, []

    def step(self: ImageClassifier, batch: Any, batch_idx: int) -> Any:
        seen.append(len(batch[0]))
        return predict_step(self, batch, batch_idx)

    patch.setattr(ImageClassifier, "predict_step", step)
    return seen


DAMAGED = {
    "zero.jpg": "The file is empty.",
    "text.jpg": "The file is not an image of a known format.",
    "truncated.png": "truncated",
    "bomb.png": "decompression bomb",
    "gone.jpg": "No such file or directory.",
    "folder.jpg": "Is a directory.",
}


@pytest.fixture
def damaged() -> list[str]:
    """A list of images, with damaged ones among them."""
    Path("odd/folder.jpg").mkdir(parents=True)
    Path("odd/zero.jpg").touch()
    Path("odd/text.jpg").write_text("hello")
    Path("odd/truncated.png").write_bytes(Path("images/dark/00.png").read_bytes()[:60])
    Image.new("1", (30_000, 30_000)).save("odd/bomb.png")
    paths = sorted(map(str, Path("images").rglob("*.png")))
    for position, name in enumerate(DAMAGED):
        paths.insert(3 * position, f"odd/{name}")
    Path("list.txt").write_text("\n".join(paths))
    return paths


@pytest.mark.parametrize("num_workers", every(2, ["0", "2"]))
def test_images_that_cannot_be_read_are_rows_with_the_reason(
    damaged: list[str], num_workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*PREDICT, "--data.num_workers", num_workers, "--data.path"]
    main([*words, "list.txt", "--output", "p.jsonl", "--sort_into", "sorted"])
    main([*words, "images", "--output", "whole.jsonl"])
    rows = {row["path"]: row for row in read("p.jsonl")}
    assert list(rows) == damaged
    for name, reason in DAMAGED.items():
        row = rows.pop(f"odd/{name}")
        assert reason in row["error"]
        assert {value for key, value in row.items() if key not in ("path", "error")} == {None}
    for row in read("whole.jsonl"):
        del row["target"]
        found = rows[row["path"]]
        assert found["confidence"] == pytest.approx(row.pop("confidence"))
        assert (found["label"], found["error"]) == (row["label"], None)
    printed = capsys.readouterr().out
    assert "Wrote 30 predictions to p.jsonl" in printed
    assert "6 of 30 images cannot be read: the column error says why" in printed
    assert {path.name for path in Path("sorted/unreadable").iterdir()} == {*DAMAGED} - {"gone.jpg", "folder.jpg"}


def test_where_no_image_can_be_read_the_command_fails(capsys: pytest.CaptureFixture[str]) -> None:
    Path("odd").mkdir()
    Path("odd/a.jpg").touch()
    Path("odd/b.jpg").write_text("hello")
    with pytest.raises(SystemExit) as stop:
        main([*PREDICT, "--data.path", "odd", "--output", "p.csv"])
    assert stop.value.code == 2
    assert "None of the 2 images can be read; 'p.csv' says why" in capsys.readouterr().err
    reasons = [row["error"] for row in read("p.csv")]
    assert reasons == ["The file is empty.", "The file is not an image of a known format."]


def test_a_damaged_image_of_the_test_set_is_a_row_and_stops_test(capsys: pytest.CaptureFixture[str]) -> None:
    main([*PREDICT, "--output", "before.csv"])
    damaged = read("before.csv")[0]["path"]
    Path(damaged).write_bytes(b"")
    main([*PREDICT, "--output", "p.csv"])
    assert [row["path"] for row in read("p.csv") if row["error"]] == [damaged]
    assert "acc            1.0000" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["test", "--ckpt_path", "best", *QUIET])


@pytest.mark.slow
def test_accuracy_of_the_test_set_is_that_of_test(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--ckpt_path", "best", "--runs_dir", "digits", *QUIET]
    main(["test", *words])
    tested = capsys.readouterr().out
    main(["predict", *words, "--output", "p.csv"])
    (acc,) = (line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("acc "))
    assert ["test_acc", acc] in [line.split() for line in tested.splitlines()]
    rows = read("p.csv")
    assert f"{sum(row['label'] == row['target'] for row in rows) / len(rows):.4f}" == acc


@pytest.mark.parametrize("path", every(2, ["images/dark", "images/*/*.png", "mixed", "list.txt", "images/dark/00.png"]))
def test_without_class_folders_there_is_no_target(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("images/dark", "mixed/dark")
    shutil.copytree("images/bright", "mixed/other")
    Path("list.txt").write_text("images/dark/00.png")
    main([*PREDICT, "--data.path", path, "--output", "p.csv"])
    assert "target" not in read("p.csv")[0]
    assert "acc" not in capsys.readouterr().out


def test_a_folder_of_splits_is_said_to_give_no_target(caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree("images", "data/Test")
    shutil.copytree("images", "data/train")
    main([*PREDICT, "--data.path", "data", "--output", "p.csv"])
    assert "target" not in read("p.csv")[0]
    assert caplog.text.count("data.path='data' holds the splits Test, train in place of classes, so there") == 1
    assert "--data.path data/Test compares with its classes." in caplog.text
    caplog.clear()
    main([*PREDICT, "--data.path", "data/Test", "--output", "p.csv"])
    assert "target" in read("p.csv")[0]
    assert "holds the splits" not in caplog.text


def test_a_file_that_is_listed_twice_has_two_rows_and_one_link() -> None:
    Path("list.txt").write_text("images/dark/00.png\nimages/bright/00.png\nimages/dark/00.png")
    main([*PREDICT, "--data.path", "list.txt", "--output", "p.csv", "--sort_into", "sorted"])
    rows = read("p.csv")
    assert rows[0] == rows[2] != rows[1]
    assert len(list(Path("sorted").rglob("*.png"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "p.xls"], "--output must end in .csv, .jsonl or .parquet, got 'p.xls'."),
        (["--output", "nowhere/p.csv"], "create 'nowhere'."),
        (["--output", "images.csv"], "--output 'images.csv' cannot be written: it is a directory."),
        (
            ["--output", "labels.csv"],
            "--output 'labels.csv' exists and is not a table that predict wrote. Give another",
        ),
        (["--output", "/proc/p.csv"], "--output '/proc/p.csv' cannot be written: "),
        (["--top_k", "0"], "--top_k must be at least 1, got 0."),
        (["--data.path", "empty"], "data.path='empty' names no image."),
        (["--data.path", "images/*.gif"], "data.path='images/*.gif' names no image."),
        (["--sort_into", "list.txt"], "--sort_into 'list.txt' cannot be written: File exists."),
        (["--sort_into", "sorted", "--runs_dir", "digits"], "--sort_into 'sorted' needs image files: name them by"),
    ],
)
def test_mistakes_are_named_before_anything_is_predicted(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty").mkdir()
    Path("images.csv").mkdir()
    Path("labels.csv").write_text("path,label\nimages/dark/00.png,dark\n")
    Path("list.txt").touch()
    seen = count_images(monkeypatch)
    with pytest.raises(SystemExit) as stop:
        main([*PREDICT, *words])
    assert stop.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed[printed.index("error: ") :]
    assert seen == []


OWN_LOADER = """
from litclassify.data import ImageFolder
class Backwards(ImageFolder):
    def predict_dataloader(self):
        loader = super().predict_dataloader()
        return type(loader)(loader.dataset, batch_size=5, sampler=range(23, -1, -1), collate_fn=loader.collate_fn)
"""


def test_a_loader_of_the_users_own_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own_loader.py").write_text(OWN_LOADER)
    words = [*PREDICT, "--allow_import", "own_loader", "--data", "own_loader.Backwards", "--data.path", "images"]
    words += ["--data.image_size", "16", "--data.root", "images", "--data.num_workers", "0", "--output", "p.jsonl"]
    with monkeypatch.context() as patch:
        interrupt_at_batch(2, patch)
        with pytest.raises(SystemExit):
            main(words)
    assert not list(Path().glob(".p.*"))
    main(words)
    rows = read("p.jsonl")
    assert [row["path"] for row in rows] == sorted(map(str, Path("images").rglob("*.png")), reverse=True)
    assert all(row["label"] in row["path"] for row in rows)
