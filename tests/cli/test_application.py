import csv
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torchvision
import yaml
from tests.conftest import REPOSITORY, SMALL, every

from litclassify.cli import main
from litclassify.models import ImageClassifier

Fit = Callable[..., Path]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def logged(run: Path, name: str) -> list[float]:
    return [float(row[name]) for row in read_csv(run / "metrics.csv") if row.get(name)]


def test_a_run_holds_config_logs_and_checkpoints(fit: Fit) -> None:
    run = fit()
    assert run.parts[:2] == ("runs", "digits")
    names = {path.name for path in run.iterdir()}
    assert {"config.fit.yaml", "metrics.csv", "checkpoints"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert {path.name for path in (run / "checkpoints").iterdir()} >= {"last.ckpt"}


def test_run_name_and_runs_dir_place_the_run(fit: Fit, tmp_path: Path) -> None:
    fit("--run_name", "mine", "--runs_dir", "runs/deeper")
    assert list((tmp_path / "runs/deeper/mine").glob("*/config.fit.yaml"))


def test_run_is_named_after_its_first_config(fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("seed_everything: 3\n")
    run = fit("--config", "recipe.yaml")
    assert run.parts[1] == "recipe"
    assert yaml.safe_load((run / "config.fit.yaml").read_text())["seed_everything"] == 3


def test_saved_config_runs_again_with_equal_losses(fit: Fit) -> None:
    first = fit()
    main(["fit", "--config", str(first / "config.fit.yaml")])
    (again,) = {*first.parent.iterdir()} - {first}  # A run of the same name.
    assert logged(again, "train_loss_step") == logged(first, "train_loss_step")
    assert logged(again, "val_loss") == logged(first, "val_loss")


def test_another_seed_gives_other_losses(fit: Fit) -> None:
    assert logged(fit(), "train_loss") != logged(fit("--seed_everything", "1"), "train_loss")


def test_test_needs_nothing_but_the_checkpoint(fit: Fit) -> None:
    run = fit("--test_after_fit", "true")
    after_fit = json.loads((run / "metrics.json").read_text())
    for given in ("best", "last"):
        (run / "metrics.json").unlink()
        main(["test", "--ckpt_path", given, "--trainer.enable_progress_bar", "false"])
        metrics = json.loads((run / "metrics.json").read_text())
        assert {"test_loss", "test_acc", "test_acc_top5", "test_f1"} <= metrics.keys()
        if given == "best":
            assert metrics == after_fit


@pytest.mark.parametrize("words", every(2, [["--checkpoint.save_top_k", "0"], ["--checkpoint", "null"]]))
def test_without_a_best_checkpoint_the_last_weights_are_tested(
    fit: Fit, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        run = fit(*words, "--trainer.max_epochs", "1", "--test_after_fit", "true")
    assert json.loads((run / "metrics.json").read_text())["test_acc"] > 0
    assert "There is no best checkpoint: testing the weights that training ended with." in caplog.text


PLAIN_DATA = """
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, TensorDataset

class Images(LightningDataModule):
    class_names = ["a", "b", "c"]

    def train_dataloader(self):
        return DataLoader(TensorDataset(torch.rand(9, 1, 8, 8), torch.arange(9) % 3), batch_size=4)

    val_dataloader = test_dataloader = train_dataloader

    def predict_dataloader(self):
        return DataLoader(torch.rand(9, 1, 8, 8), batch_size=4)

class Unnamed(Images):
    class_names = None

class WithoutTest(Images):
    def test_dataloader(self):
        return LightningDataModule.test_dataloader(self)

class WithoutPredict(Images):
    predict_dataloader = LightningDataModule.predict_dataloader

class OneInAList(Images):
    def test_dataloader(self):
        return [Images.test_dataloader(self)]

class Several(Images):
    def test_dataloader(self):
        return [Images.test_dataloader(self)] * 2

    val_dataloader = predict_dataloader = test_dataloader

class SeveralTests(Several):
    val_dataloader = Images.val_dataloader
"""


@pytest.fixture
def plain_data() -> Iterator[list[str]]:
    """Words that open a module of plain LightningDataModules."""
    Path("plain_data.py").write_text(PLAIN_DATA)
    yield ["--allow_import", "plain_data"]
    sys.modules.pop("plain_data", None)


@pytest.mark.slow
def test_a_plain_data_module_predicts_by_number(fit: Fit, plain_data: list[str]) -> None:
    run = fit(*plain_data, "--data", "plain_data.Images", "--test_after_fit", "true")
    words = [*plain_data, "--data", "plain_data.Images", "--output", "predictions.csv"]
    main(["predict", "--ckpt_path", str(run), *words])
    assert [row["path"] for row in read_csv(Path("predictions.csv"))] == [f"predict/{i}" for i in range(9)]


@pytest.mark.slow
def test_a_data_module_without_a_loader_to_predict_is_refused(
    fit: Fit, plain_data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit(*plain_data, "--data", "plain_data.Images")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--ckpt_path", str(run), *plain_data, "--data", "plain_data.WithoutPredict"])
    assert "data: WithoutPredict has no predict_dataloader, which predict reads." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Unnamed", "data: Unnamed has no class_names"),
        ("WithoutTest", "test_after_fit needs a test set. `test_dataloader` must be implemented"),
        ("SeveralTests", "data: test_dataloader gives several loaders, and one is taken. Join their data sets"),
    ],
)
def test_what_a_plain_data_module_lacks_is_named(
    plain_data: list[str], name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *SMALL, *plain_data, "--data", f"plain_data.{name}", "--test_after_fit", "true"])
    assert stop.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_loader_in_a_list_is_one(fit: Fit, plain_data: list[str]) -> None:
    run = fit(*plain_data, "--data", "plain_data.OneInAList", "--test_after_fit", "true")
    assert len(read_csv(run / "test_predictions.csv")) == 9


@pytest.mark.parametrize("command", every(3, ["validate", "test", "predict"]))
def test_several_loaders_are_refused(
    command: str, fit: Fit, plain_data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit(*plain_data, "--data", "plain_data.Images")
    with pytest.raises(SystemExit) as stop:
        main([command, *plain_data, "--data", "plain_data.Several", "--ckpt_path", str(run)])
    assert stop.value.code == 2
    name = {"validate": "val", "test": "test", "predict": "predict"}[command]
    assert f"data: {name}_dataloader gives several loaders" in capsys.readouterr().err


def test_a_plain_data_module_is_asked_for_after_training(
    fit: Fit, plain_data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit(*plain_data, "--data", "plain_data.Images")
    with pytest.raises(SystemExit):
        main(["test", *plain_data, "--ckpt_path", str(run)])
    assert "Missing: data.\n  The checkpoint does not say" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluation_computes_with_the_precision_of_training(fit: Fit) -> None:
    run = fit("--trainer.precision", "bf16-mixed", "--test_after_fit", "true")
    after_fit = json.loads((run / "metrics.json").read_text())
    main(["test", "--ckpt_path", str(run)])
    assert json.loads((run / "metrics.json").read_text()) == after_fit
    assert "precision: bf16-mixed" in (run / "config.test.yaml").read_text()


def test_checkpoints_load_without_unpickling(fit: Fit) -> None:
    for path in (fit() / "checkpoints").iterdir():
        checkpoint = torch.load(path, weights_only=True)
        assert checkpoint["hyper_parameters"]["class_names"] == [str(digit) for digit in range(10)]


def test_a_checkpoint_does_not_need_the_weights_it_started_from(fit: Fit) -> None:
    torch.save(torchvision.models.shufflenet_v2_x0_5().state_dict(), "first.pth")
    network = ["--model.network", "TorchvisionNetwork", "--model.network.name", "shufflenet_v2_x0_5"]
    words = ["--model.network.weights", "first.pth", "--model.network.in_channels", "1", "--data.image_size", "32"]
    run = fit(*network, *words, "--trainer.limit_train_batches", "1", "--trainer.max_epochs", "1")
    Path("first.pth").unlink()
    main(["test", "--ckpt_path", str(run)])
    assert "weights: first.pth" in (run / "config.fit.yaml").read_text()
    (checkpoint, *_) = (run / "checkpoints").iterdir()
    ImageClassifier.load_from_checkpoint(checkpoint, map_location="cpu", weights_only=True)


@pytest.mark.parametrize("subcommand", ["fit", "validate", "test", "predict"])
def test_help_says_what_ckpt_path_takes_here(subcommand: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([subcommand, "--help=all"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "--ckpt_path CKPT_PATH Checkpoint: a file, the directory of a run (its best checkpoint)" in printed
    assert '"hpc"' not in printed


@pytest.mark.parametrize("recipe", ["configs/digits.yaml", "config.fit.yaml"])
def test_other_commands_take_a_recipe_without_what_only_fit_has(
    fit: Fit, recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit("--find_lr", "false")
    file = REPOSITORY / recipe if "/" in recipe else run / recipe
    words = ["--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"]
    main(["validate", "--config", str(file), *words, "--model.network", "MLP", "--model.network.in_features", "64"])
    capsys.readouterr()
    Path("typo.yaml").write_text("repeat: 3\ntest_after_fitt: true\n")
    with pytest.raises(SystemExit, match="2"):
        main(["validate", "--config", "typo.yaml", *words])
    assert "no argument 'test_after_fitt'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["validate", "--test_after_fit", "true", *words])
    assert "no argument 'test_after_fit'" in capsys.readouterr().err


def test_flags_overrule_the_checkpoint(fit: Fit) -> None:
    run = fit()
    main(["test", "--ckpt_path", str(run), "--data.batch_size", "7"])
    config = yaml.safe_load((run / "config.test.yaml").read_text())
    assert config["data"]["init_args"]["batch_size"] == 7
    assert config["model"]["init_args"]["network"]["init_args"]["in_features"] == 64


def test_an_evaluation_asks_for_no_monitor_of_the_training(fit: Fit) -> None:
    """Lightning warns of callbacks that are not there; warnings are errors here."""
    run = fit("--checkpoint.monitor", "val_loss", "--checkpoint.mode", "min", "--early_stopping", "null")
    main(["validate", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])


def test_a_further_checkpoint_callback_is_not_the_one_to_go_by(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    further = ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.save_top_k=-1"]
    run = fit(*further, "--trainer.callbacks.filename=all-{epoch}", "--test_after_fit", "true")
    assert len(list(Path(run).rglob("all-*.ckpt"))) == 2
    printed = capsys.readouterr().out
    assert "best val_acc" in printed
    assert f"{run}/checkpoints/epoch" in printed
    main(["validate", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])


def test_ctrl_c_in_an_evaluation_ends_with_its_code(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fit("--trainer.max_epochs", "1")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("litclassify.models.ImageClassifier.validation_step", interrupt)
    with pytest.raises(SystemExit) as stop:
        main(["validate", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])
    assert stop.value.code == 130


def test_validate_repeats_the_best_epoch(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit()
    capsys.readouterr()
    main(["validate", "--ckpt_path", str(run)])
    printed = capsys.readouterr().out
    best = logged(run, "best_val_acc")[0]
    assert ["val_acc", f"{best:.4f}"] in [line.split() for line in printed.splitlines()]


def test_predict_writes_one_row_per_image_and_agrees_with_test(fit: Fit) -> None:
    run = fit("--test_after_fit", "true")
    main(["predict", "--ckpt_path", str(run), "--output", "predictions.csv"])
    rows = read_csv(Path("predictions.csv"))
    assert rows[0].keys() >= {"path", "label", "confidence", "top1", "top1_confidence", "top5"}
    assert len({row["path"] for row in rows}) == 359
    assert all(row["label"] == row["top1"] and row["confidence"] == row["top1_confidence"] for row in rows)


def test_predict_takes_files_and_agrees_with_their_folder(
    class_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", "ImageFolder", "--data.root", str(class_folders), "--data.image_size", "16"]
    network = ["--model.network", "LeNet", "--model.network.in_channels", "3"]
    main(["fit", *SMALL, *words, *network, "--data.num_workers", "0", "--data.val_split", "6"])
    main(["predict", "--ckpt_path", "best", "--data.path", str(class_folders), "--output", "p.jsonl"])
    rows = [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    assert {Path(row["path"]).parent.name for row in rows} == {"bright", "dark"}
    assert f"Wrote {len(rows)} predictions to p.jsonl" in capsys.readouterr().out


def test_predict_does_not_need_the_training_images(class_folders: Path) -> None:
    words = [
        "--data",
        "ImageFolder",
        "--data.root",
        "gone",
        "--data.image_size",
        "16",
        "--data.num_workers",
        "0",
    ]
    network = ["--model.network", "LeNet", "--model.network.in_channels", "3"]
    class_folders.rename("gone")
    main(["fit", *SMALL, *words, *network])
    Path("gone").rename("photos")
    main(["predict", "--ckpt_path", "best", "--data.path", "photos/dark", "--output", "p.csv"])
    assert len(read_csv(Path("p.csv"))) == 12


def test_print_config_gives_the_same_run(capsys: pytest.CaptureFixture[str], fit: Fit) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *SMALL, "--print_config"])
    assert stop.value.code == 0
    Path("printed.yaml").write_text(capsys.readouterr().out)
    main(["fit", "--config", "printed.yaml"])
    (printed,) = Path("runs/printed").iterdir()
    assert logged(printed, "train_loss_step") == logged(fit(), "train_loss_step")


def test_print_config_with_comments_carries_the_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", *SMALL, "--print_config=comments"])
    printed = capsys.readouterr().out
    assert "# Images per batch" in printed
    assert "batch_size: 256" in printed
    # Of modules, of which some hundreds are known, some stand for all.
    assert re.search(r"known subclasses: .*\n?.* and \d+ more", printed)
    assert max(map(len, printed.splitlines())) < 130


def test_template_says_which_choices_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--print_config"])
    assert stop.value.code == 0
    template = yaml.safe_load(capsys.readouterr().out)
    assert template["model"]["init_args"]["network"] is None
    assert template["model"]["init_args"]["optimizer"] is None
    assert template["data"] is None
    template["model"]["init_args"]["network"] = {"class_path": "MLP", "init_args": {"in_features": 64}}
    template["model"]["init_args"]["optimizer"] = "SGD"
    template["data"] = "Digits"
    Path("template.yaml").write_text(yaml.safe_dump(template))
    main(["fit", "--config", "template.yaml", "--trainer.max_epochs", "1"])
    assert list(Path("runs/template").iterdir())


def test_fast_dev_run_leaves_nothing_behind(tmp_path: Path) -> None:
    main(["fit", *SMALL, "--trainer.fast_dev_run", "true", "--test_after_fit", "true"])
    assert not (tmp_path / "runs").exists()
    assert list(tmp_path.iterdir()) == []


def test_runs_started_in_the_same_second_do_not_collide(fit: Fit) -> None:
    assert len({fit() for _ in range(3)}) == 3


def test_importing_the_command_line_is_cheap(pytester: pytest.Pytester) -> None:
    result = pytester.runpython_c("import sys, litclassify.cli; print('torch' in sys.modules)")
    result.stdout.fnmatch_lines(["False"])
