"""Tables and several labels through the command line."""

import csv
import json
import os
import random
import tarfile
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from tests.cli.conftest import Mistake

from litclassify.cli import main

TEST_DATA = os.environ.get("TEST_IMAGES")
COLORS = {
    "red": ((1, 1, 7, 7), (220, 0, 0)),
    "green": ((9, 1, 15, 7), (0, 220, 0)),
    "blue": ((1, 9, 7, 15), (0, 0, 220)),
}
METRICS = (
    *("loss", "acc", "exact_match", "map", "auroc"),
    *("precision", "recall", "f1", "precision_micro", "recall_micro", "f1_micro"),
)
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
LENET = [
    *["--model.network", "LeNet", "--model.network.in_channels", "3"],
    *["--model.optimizer", "AdamW", "--model.optimizer.lr", "0.01", *QUIET, "--trainer.enable_model_summary", "false"],
]
TABLE = [
    "--data",
    "ImageTable",
    "--data.table",
    "shapes/table.csv",
    "--data.image_size",
    "16",
    "--data.batch_size",
    "16",
]
SEVERAL = [*TABLE, "--data.label_separator", "|", "--model", "MultiLabelClassifier"]


@pytest.fixture(autouse=True)
def shapes() -> list[set[str]]:
    """120 images of coloured squares, each of which is there or not; gives what each has."""
    rng = random.Random(0)
    Path("shapes").mkdir()
    rows, labels = ["path,label,one"], []
    for i in range(120):
        image = Image.new("RGB", (16, 16), (40, 40, 40))
        labels.append({name for name in COLORS if rng.random() < 0.4})
        for name in labels[-1]:
            box, color = COLORS[name]
            image.paste(color, box)
        image.save(f"shapes/{i}.png")
        rows.append(f"{i}.png,{'|'.join(sorted(labels[-1]))},{'red' if 'red' in labels[-1] else 'not red'}")
    Path("shapes/table.csv").write_text("\n".join(rows))
    return labels


def run_dir(name: str) -> Path:
    (path,) = Path("runs", name).glob("*")
    return path


def test_several_labels_are_learnt_tested_and_predicted(shapes: list[set[str]]) -> None:
    main(["fit", *SEVERAL, *LENET, "--trainer.max_epochs", "12", "--run_name", "m", "--test_after_fit", "true"])
    run = run_dir("m")
    tested = json.loads((run / "metrics.json").read_text())
    assert set(tested) == {f"test_{name}" for name in METRICS}
    assert tested["test_map"] > 0.95
    for name in ("report.html", "report.md", "report/labels.csv", "report/label_scores.png"):
        assert (run / name).is_file()
    with (run / "test_predictions.csv").open() as file:
        right = [row["target"] == row["label"] for row in csv.DictReader(file)]
    assert sum(right) / len(right) == pytest.approx(tested["test_exact_match"])
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert "ModelCheckpoint{'monitor': 'val_map'" in "".join(checkpoint["callbacks"])
    assert all("-val_map" in path.name for path in run.glob("checkpoints/epoch*"))
    main(["test", "--ckpt_path", str(run), *QUIET])
    assert json.loads((run / "metrics.json").read_text()) == pytest.approx(tested)
    main(["predict", "--ckpt_path", f"{run}/last", "--data.path", "shapes", "--output", "p.csv", *QUIET])
    with open("p.csv") as file:
        rows = list(csv.DictReader(file))
    right = 0
    for row in rows:
        probabilities = {row[f"top{k}"]: float(row[f"top{k}_confidence"]) for k in (1, 2, 3)}
        labels = row["label"].split("|") if row["label"] else []
        assert labels == sorted(name for name, p in probabilities.items() if p > 0.5)
        right += set(labels) == shapes[int(Path(row["path"]).stem)]
    assert right > 100


def test_a_run_of_several_labels_is_resumed() -> None:
    main(["fit", *SEVERAL, *LENET, "--trainer.max_epochs", "1", "--run_name", "m"])
    main(["fit", "--ckpt_path", str(run_dir("m") / "last"), "--trainer.max_epochs", "2"])
    main(["fit", *SEVERAL, *LENET, "--trainer.max_epochs", "2", "--run_name", "at_once"])
    first, second = (
        torch.load(run_dir(name) / "checkpoints/last.ckpt", weights_only=True) for name in ("m", "at_once")
    )
    assert all(
        torch.equal(a, b) for a, b in zip(first["state_dict"].values(), second["state_dict"].values(), strict=True)
    )


@pytest.mark.parametrize("key", ["checkpoint", "early_stopping"])
def test_a_monitor_of_ones_own_holds(key: str) -> None:
    words = [f"--{key}.monitor", "val_loss", f"--{key}.mode", "min", "--trainer.max_epochs", "1", "--run_name", "m"]
    main(["fit", *SEVERAL, *LENET, *words])
    config = yaml.safe_load((run_dir("m") / "config.fit.yaml").read_text())
    other = "early_stopping" if key == "checkpoint" else "checkpoint"
    assert (config[key]["init_args"]["monitor"], config[other]["init_args"]["monitor"]) == ("val_loss", "val_map")


@pytest.mark.parametrize("command", ["fit", "config check"])
def test_data_and_model_must_agree_on_several_labels(mistake: Mistake, command: str) -> None:
    for data, model, message in (
        ({"label_separator": "|"}, "ImageClassifier", "takes one class per image, but data gives several labels"),
        ({"label_column": "one"}, "MultiLabelClassifier", "takes several labels per image, but data gives one class"),
    ):
        network = {"class_path": "LeNet", "init_args": {"in_channels": 3}}
        model_config = {"network": network, "optimizer": {"class_path": "AdamW", "init_args": {"lr": 0.01}}}
        data_config = {"table": "shapes/table.csv", "image_size": 16, **data}
        config = {
            "data": {"class_path": "ImageTable", "init_args": data_config},
            "model": {"class_path": model, "init_args": model_config},
        }
        Path("config.yaml").write_text(yaml.safe_dump(config))
        words = [*command.split(), *(["--config"] if command == "fit" else []), "config.yaml"]
        assert f"model: {model} {message}" in mistake(*words)


def test_a_mistake_in_a_table_is_named(mistake: Mistake) -> None:
    message = mistake("fit", *TABLE, *LENET, "--data.label_column", "lable")
    assert "data.label_column: there is no column 'lable' in 'shapes/table.csv'. Did you mean 'label'?" in message
    with open("shapes/table.csv", "a") as table:
        table.write("\n0.png,red|green|blue,blue")
    assert "'shapes/table.csv', rows 2 and 122: path" in mistake("fit", *SEVERAL, *LENET)


def test_threshold_is_refused_by_its_key(mistake: Mistake) -> None:
    assert "model.threshold must be between 0 and 1, got 2.0" in mistake(
        "fit", *SEVERAL, *LENET, "--model.threshold", "2"
    )


@pytest.mark.skipif(TEST_DATA is None, reason="TEST_IMAGES is unset")
def test_training_from_a_table_is_training_from_folders_bit_for_bit() -> None:
    assert TEST_DATA is not None
    with tarfile.open(Path(TEST_DATA, "hymenoptera.tar")) as archive:
        archive.extractall("photographs", filter="data")
    (root,) = (path.parent for path in Path("photographs").rglob("train"))
    rows = ["file;species;use"]
    for path in sorted(root.glob("*/*/*.jp*g")):
        rows.append(f"{path.relative_to(root)};{path.parent.name};{path.parent.parent.name}")
    (root / "list.csv").write_text("\n".join(rows))
    table = ["ImageTable", "--data.table", str(root / "list.csv"), "--data.path_column", "file"]
    table += ["--data.label_column", "species", "--data.split_column", "use"]
    little = ["--data.image_size", "64", "--data.num_workers", "0", "--trainer.max_epochs", "1"]
    little += ["--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "1", "--data.batch_size", "16"]
    for name, words in {"table": table, "folders": ["ImageFolder", "--data.root", str(root)]}.items():
        main(["fit", "--data", *words, *LENET, *little, "--run_name", name])
    states = [
        torch.load(run_dir(n) / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for n in ("table", "folders")
    ]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
