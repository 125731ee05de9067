"""`audit`."""

import csv
import os
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Mistake

from litclassify.cli import main
from litclassify.data.digits import load_digits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 12 training and 6 test images, no two of which are alike."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 6)):
        for name, base in (("bright", 120), ("dark", 20)):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(base, base + 100, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / split / name / f"{i}.png")
    return tmp_path / "images"


def audit(folder: Path, *words: str) -> None:
    main(["audit", "--data", "ImageFolder", "--data.root", str(folder), "--no_label_errors", *words])


def test_a_clean_folder_has_no_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(folder, "--strict", "--min_images", "5")
    printed = capsys.readouterr().out
    assert "Nothing was found" in printed
    # Validation images are those that fit draws: a tenth.
    assert [line.split() for line in printed.splitlines()[:2]] == [
        ["class", "train", "val", "test"],
        ["bright", *["11", "1", "6"]],
    ]


def test_splits_by_their_usual_names_keep_their_paths(folder: Path) -> None:
    (folder / "train").rename(folder / "Training")
    (folder / "test").rename(folder / "validation")
    (folder / "Training/dark/copy.png").write_bytes((folder / "validation/dark/0.png").read_bytes())
    audit(folder, "--output", "report")
    assert Path("report/exclude.txt").read_text() == "Training/dark/copy.png\n"
    (leak,) = (row for row in read(Path("report")) if row["kind"] == "leak")
    assert (leak["split"], leak["other path"]) == ("train", "validation/dark/0.png")


@pytest.mark.filterwarnings("ignore:.*used for nothing")
def test_a_folder_that_is_no_split_is_a_finding(folder: Path) -> None:
    (folder / "test").rename(folder / "holdout")
    audit(folder, "--output", "report")
    assert [row["detail"] for row in read(Path("report")) if row["kind"] == "unused_folder"] == ["'holdout'"]


def test_folders_that_do_not_tell_the_splits_end_with_code_2(folder: Path, mistake: Mistake) -> None:
    (folder / "train").rename(folder / "val")
    words = ["audit", "--data", "ImageFolder", "--data.root", str(folder)]
    assert "holds 'test', 'val', named for splits, and no folder of training images" in mistake(*words)


@pytest.mark.parametrize("output", ["images/train/report", "images/test/dark/report"])
def test_a_report_among_the_classes_is_refused(output: str, folder: Path, mistake: Mistake) -> None:
    message = mistake("audit", "--data", "ImageFolder", "--data.root", str(folder), "--output", output)
    assert f"--output: '{output}' would be taken for a class, or for a part of one" in message
    assert not Path(output).exists()


@pytest.mark.parametrize("output", ["images/train/.report", "images/report"])
def test_a_report_beside_the_classes_is_no_class(output: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        audit(folder, "--output", output, "--min_images", "1")
        assert "36 images, 2 classes" in capsys.readouterr().out
    assert Path(output, "audit.html").is_file()


def read(report: Path) -> list[dict[str, str]]:
    with (report / "audit.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_ends_with_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(folder, "--output", "report")
    assert capsys.readouterr().out.endswith("\nThe report is 'report/audit.html'.\n")
    damage(folder)
    audit(folder, "--output", "report")
    expected = "'report/audit.html'. To train without 1 images: --data.exclude report/exclude.txt\n"
    assert capsys.readouterr().out.endswith(expected)


def leak(folder: Path) -> None:
    (folder / "train/dark/copy.png").write_bytes((folder / "test/dark/0.png").read_bytes())


def copy_into_val(folder: Path) -> None:
    copy = folder / "val/dark/copy.png"
    copy.parent.mkdir(parents=True)
    copy.write_bytes((folder / "test/dark/0.png").read_bytes())


def damage(folder: Path) -> None:
    (folder / "train/dark/0.png").write_bytes(b"")


@pytest.mark.parametrize("fault", [leak, copy_into_val, damage])
def test_strict_ends_with_code_1(fault: object, folder: Path) -> None:
    fault(folder)  # type: ignore[operator]
    audit(folder)
    with pytest.raises(SystemExit) as stop:
        audit(folder, "--strict")
    assert stop.value.code == 1


def test_fit_takes_what_audit_leaves(folder: Path, tmp_path: Path) -> None:
    leak(folder)
    damage(folder)
    audit(folder, "--output", "report")
    assert Path("report/exclude.txt").read_text() == "train/dark/0.png\ntrain/dark/copy.png\n"
    with pytest.raises(SystemExit):
        audit(folder, "--strict")
    audit(folder, "--strict", "--data.exclude", "report/exclude.txt")
    words = ["--data.image_size", "32", "--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu"]
    model = ["--model.network", "ResNet9", "--model.optimizer", "SGD", "--model.optimizer.lr", "0.1"]
    data = ["--data", "ImageFolder", "--data.root", str(folder), "--data.exclude", "report/exclude.txt"]
    main(["fit", *data, *model, *words])


def test_what_leaks_between_drawn_splits_is_mended_by_its_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, base in (("bright", 120), ("dark", 20)):
        Path("flat", name).mkdir(parents=True)
        for i in range(20):
            image = Image.fromarray(rng.integers(base, base + 100, (32, 32, 3), dtype=np.uint8))
            for copy in range(1 + (i < 10)):
                image.save(f"flat/{name}/{i}_{copy}.png")
    drawn = ["--data.val_split", "0.4", "--data.test_split", "1"]
    audit(Path("flat"), *drawn, "--output", "report")
    with pytest.raises(SystemExit):
        audit(Path("flat"), *drawn, "--strict")
    audit(Path("flat"), *drawn, "--strict", "--data.exclude", "report/exclude.txt")


def test_names_are_escaped_and_all_is_in_one_page(folder: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    (folder / "train" / name).mkdir()
    (folder / "train" / name / "a&b.jpg").write_bytes(b"<script>")
    audit(folder, "--output", "report")
    page = Path("report/audit.html").read_text("utf-8")
    assert name not in page
    assert "<script>" not in page
    assert "&lt;img src=x" in page
    assert "http" not in page
    with open("report/audit.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "unreadable"]
    assert [(row["path"], row["split"], row["class"], row["severity"]) for row in rows] == [
        (f"train/{name}/a&b.jpg", "train", name, "error")
    ]


def test_the_data_section_of_a_recipe_is_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.yaml").write_text(f"data: {{class_path: ImageFolder, init_args: {{root: {folder}, val_split: 4}}}}\n")
    main(["audit", "--config", "data.yaml", "--no_label_errors", "--min_images", "1"])
    assert capsys.readouterr().out.splitlines()[1].split() == ["bright", "10", "2", "6"]


def test_images_in_memory_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    main(["audit", "--data", "Digits", "--no_label_errors", "--output", "report"])
    assert "1797 images, 10 classes" in capsys.readouterr().out


def test_what_takes_no_exclude_is_given_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, targets = load_digits()
    images[:40] = images[0]
    monkeypatch.setattr("litclassify.data.digits.load_digits", lambda: (images, targets))
    main(["audit", "--data", "Digits", "--no_label_errors", "--output", "report"])
    printed = capsys.readouterr().out
    assert "Contradicting labels" in printed
    assert printed.endswith("\nThe report is 'report/audit.html'.\n")
    assert sorted(path.name for path in Path("report").iterdir()) == ["audit.csv", "audit.html"]
    assert "exclude.txt" not in Path("report/audit.html").read_text("utf-8")


def test_the_path_that_is_printed_can_be_pasted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    audit(folder, "--output", "my report; x")
    assert capsys.readouterr().out.endswith("--data.exclude 'my report; x/exclude.txt'\n")


NOT_JUDGED = "\nLabels were not judged: with data.label_separator an image may have several.\n"


def test_a_table_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    rows = [f"{path.relative_to(folder)},{path.parent.name};x" for path in sorted(folder.glob("train/*/*"))]
    Path("images/table.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    words = ["--data.table", "images/table.csv", "--data.label_separator", ";", "--min_images", "1"]
    main(["audit", "--data", "ImageTable", *words])
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["bright", "dark", "x"]
    assert "error            1  Unreadable" in lines
    assert printed.endswith(NOT_JUDGED)
    main(["audit", "--data", "ImageTable", *words, "--no_label_errors"])
    assert NOT_JUDGED not in capsys.readouterr().out


def test_predictions_of_one_label_judge_no_table_of_several(folder: Path, mistake: Mistake) -> None:
    rows = [f"{path.relative_to(folder)},{path.parent.name};x" for path in folder.glob("train/*/*")]
    Path("images/table.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    words = ["--data", "ImageTable", "--data.table", "images/table.csv", "--data.label_separator", ";"]
    assert "these may have several" in mistake("audit", *words, "--predictions", "p.csv")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("none.csv", "'none.csv' cannot be read: No such file"),
        ("runs.txt", "takes .csv or .jsonl and the directory of fit --folds, got 'runs.txt'"),
        ("others.csv", "names none of the 36 images"),
        ("folds", "'folds' has no folds"),
    ],
)
def test_predictions_are_refused_before_images_are_read(
    given: str, said: str, folder: Path, mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("runs.txt").write_text("")
    Path("others.csv").write_text("path,label,top1,top1_confidence\nother.png,dark,dark,1\n")
    Path("folds").mkdir()
    Path("folds/series.json").write_text("{}")
    monkeypatch.setattr("litclassify.cli.commands.audit.read_all", None)
    assert said in mistake("audit", "--data", "ImageFolder", "--data.root", str(folder), "--predictions", given)


@pytest.mark.timeout(60)
def test_pipes_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "train/dark/pipe.jpg")
    os.mkfifo(folder / "train/dark/pipe")
    audit(folder, "--output", "report")
    with open("report/audit.csv", encoding="utf-8", newline="") as file:
        found = {(row["path"], row["kind"]): row["detail"] for row in csv.DictReader(file)}
    assert found["train/dark/pipe.jpg", "unreadable"] == "It is not a regular file"
    assert ("train/dark/pipe", "other_file") in found


def test_few_images_are_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in [*folder.glob("train/*/*.png")]:
        if path.stem not in ("0", "1"):
            path.unlink()
    for path in [*folder.glob("test/*/*.png")]:
        path.unlink()
    (folder / "test/dark").rmdir()
    (folder / "test/bright").rmdir()
    (folder / "test").rmdir()
    main(["audit", "--data", "ImageFolder", "--data.root", str(folder)])
    printed = capsys.readouterr().out
    assert "images, 2 classes" in printed
    assert NOT_JUDGED not in printed


@pytest.fixture
def trained(folder: Path) -> str:
    """Train a network on the folder; gives its best checkpoint."""
    words = ["--data.root", str(folder), "--data.image_size", "32", "--model.network", "ResNet9"]
    words += ["--model.network.width", "4", "--model.optimizer", "AdamW", "--model.optimizer.lr", "0.01"]
    main(["fit", "--data", "ImageFolder", *words, "--trainer.max_epochs", "2", "--trainer.accelerator", "cpu"])
    (run,) = Path("runs").glob("*/*")
    return str(run)


def test_the_features_of_a_network_judge_labels(trained: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train/dark/0.png").rename(folder / "train/bright/swapped.png")
    damage_file = folder / "train/dark/1.png"
    damage_file.write_bytes(b"broken")
    before = {path: path.stat().st_mtime_ns for path in Path(trained).rglob("*")}
    capsys.readouterr()
    main(["audit", "--data", "ImageFolder", "--data.root", str(folder), "--ckpt_path", trained])
    assert "train/bright/swapped.png 'dark'" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in Path(trained).rglob("*")} == before
    # Its own data, where no other is named.
    main(["audit", "--ckpt_path", trained, "--no_label_errors"])
    assert "Unreadable" in capsys.readouterr().out


def test_checkpoints_that_cannot_judge_are_refused(fit: Callable[..., Path], folder: Path) -> None:
    run = fit()
    for words, said in (
        (["--ckpt_path", str(run)], "--ckpt_path judges the labels of image files"),
        (["--ckpt_path", "none"], "--ckpt_path 'none' does not exist"),
        (["--ckpt_path", str(run), "--predictions", "p.csv"], "both judge labels"),
    ):
        assert said in refusal("audit", *words)
    data = ["--data", "ImageFolder", "--data.root", str(folder), "--data.image_size", "8"]
    main(["audit", *data, "--ckpt_path", str(run), "--no_label_errors"])


def refusal(*words: str) -> str:
    """Run a mistaken command line where there are runs; gives its message."""
    with pytest.raises(SystemExit) as stop, redirect_stderr(StringIO()) as printed:
        main(list(words))
    assert stop.value.code == 2
    assert "Traceback" not in printed.getvalue()
    return printed.getvalue()


@pytest.mark.parametrize(
    ("table", "words", "said"),
    [
        (None, [], "there is no file 'table.csv'"),
        ("path,class\n", [], "there is no column 'label' in 'table.csv'"),
        ("path,label\na.png,x\nb.png,y\n", [], "2 of 2 files do not exist: 'a.png', 'b.png'"),
        ("path,label\na.png,\n", [], "'label' is empty"),
        ("path,label\na.png,x\n", [], "num_classes must be at least 2, got 1"),
        ("path,label,split\na.png,x,train\nb.png,y,tset\n", [], "'split' is 'tset', but must be train, val or test"),
        ("path,label\na.png,x\na.png,y\n", ["--data.root", "there"], "is there twice, with different labels"),
        ("", [], "table.csv"),
    ],
)
def test_what_a_table_is_refused_for_ends_with_code_2(
    table: str | None, words: list[str], said: str, mistake: Mistake
) -> None:
    Path("there").mkdir()
    Image.new("RGB", (8, 8)).save("there/a.png")
    if table is not None:
        Path("table.csv").write_text(table)
    for label_errors in ([], ["--no_label_errors"]):
        assert said in mistake("audit", "--data", "ImageTable", "--data.table", "table.csv", *words, *label_errors)


def test_a_refusal_names_the_line_of_the_recipe(mistake: Mistake) -> None:
    Path("data.yaml").write_text("data:\n  class_path: ImageTable\n  init_args:\n    table: none.csv\n")
    message = mistake("audit", "--config", "data.yaml")
    assert message == "error: data.table: there is no file 'none.csv'.\n  It stands in data.yaml, line 4."


@pytest.mark.slow
def test_folds_judge_the_images_that_they_were_not_trained_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train/dark/0.png").rename(folder / "train/bright/swapped.png")
    words = ["--data.root", str(folder), "--data.image_size", "32", "--data.batch_size", "4", "--folds", "3"]
    words += ["--model.network", "MLP", "--model.network.in_features", "3072", "--model.network.hidden_features", "[]"]
    words += ["--model.optimizer", "SGD", "--model.optimizer.lr", "0.01", "--trainer.accelerator", "cpu"]
    main(["fit", "--data", "ImageFolder", *words, "--trainer.max_epochs", "5", "--run_name", "folds"])
    (series,) = Path("runs/folds").iterdir()
    before = sorted(series.rglob("*"))
    capsys.readouterr()
    main(["audit", "--data", "ImageFolder", "--data.root", str(folder), "--predictions", str(series)])
    printed = capsys.readouterr().out
    assert "train/bright/swapped.png 'dark'" in printed
    assert sorted(series.rglob("*")) == before


def test_one_of_several_processes_is_refused(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert "audit is one process" in mistake("audit", "--data", "Digits")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "ImageFolder"], "Missing: data.root"),
        (["--data", "ImageFolder", "--data.root", "none"], "there is no folder 'none'"),
        (["--data", "ImageFolder", "--data.rot", "x"], "Did you mean 'root'?"),
        (["--data", "Digits", "--likeness", "0"], "--likeness must be above 0.5 and at most 1, got 0.0"),
        (["--data", "Digits", "--output", "file/report"], "--output 'file/report' cannot be made"),
        (["--data", "Digits", "--min_images", "few"], "--min_images"),
        (["--data", "Digits", "--predictions", "none.csv"], "'none.csv' cannot be read"),
        (["--data", "Digits", "--predictions", "p.csv", "--no_label_errors"], "leave one of them out"),
        (
            [],
            "Missing: data.\n  It comes from a recipe (--config configs/digits.yaml), from a checkpoint of",
        ),
    ],
)
def test_mistakes_end_with_code_2(words: list[str], said: str, mistake: Mistake) -> None:
    Path("file").write_text("")
    assert said in mistake("audit", *words)
