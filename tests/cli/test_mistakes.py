"""A user's mistake ends with exit code 2 and a few lines that name the key, and leaves nothing behind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator
from PIL import Image
from tests.conftest import CONFIGS, SMALL, every

from litclassify.cli import main

Mistake = Callable[..., str]

FOLDER = ["fit", *SMALL, "--data", "ImageFolder", "--data.root", "images", "--data.image_size", "16"]
LENET = ["--model.network", "LeNet", "--model.network.in_channels", "3"]


@pytest.mark.parametrize(
    ("words", "expected"),
    every(
        2,
        [
            (["--config", "nope.yaml"], ["nope.yaml"]),
            (["--bogus", "3"], ["'bogus'"]),
            (["--print_config=comment"], ["--print_config takes comments", "got 'comment'. Did you mean 'comments'?"]),
            (["--data.batchsize", "3"], ["data", "'batchsize'", "Did you mean 'batch_size'?"]),
            (["--data.batch_size", "many"], ["data.batch_size", "many", "int"]),
            (["--data.batch_size", "0"], ["data.batch_size must be at least 1, got 0"]),
            (["--data.val_split", "1.0"], ["data.val_split", "1.0"]),
            (["--data.val_split", "1797"], ["data.val_split", "1797"]),
            (["--data", "Digit"], ["data", "'Digit'", "Did you mean 'Digits'?"]),
            (["--model.network", "LeNett"], ["model.network", "'LeNett'", "Did you mean 'LeNet'?"]),
            (["--model.network.in_feature", "64"], ["model.network", "'in_feature'", "Did you mean 'in_features'?"]),
            (["--model.network", "my_networks.Mine"], ["model.network", "my_networks.Mine"]),
            (["--model.network", "ResNet9"], ["3-channel images", "1 channel", "model.network.in_channels"]),
            (["--model.network.in_features", "63"], ["63", "64", "model.network.in_features"]),
            (["--model.optimizer", "Adamm"], ["model.optimizer", "'Adamm'", "Did you mean 'Adam'?"]),
            (["--model.optimizer.momentumm", "0.9"], ["model.optimizer", "'momentumm'"]),
            (
                ["--model.optimizer", "FocalLoss"],
                ["model.optimizer: FocalLoss, a class of the kind Module, does not go here"],
            ),
            (["--model.optimizer", "torch.nn.ReLU"], ["model.optimizer: torch.nn.ReLU is not a kind of Optimizer"]),
            (
                ["--model.criterion", "lightning.pytorch.callbacks.EarlyStopping"],
                ["is not a kind of Module"],
            ),
            (["--model.optimizer", "[1, 2]"], ["model.optimizer must name a class, got [1, 2]"]),
            (["--trainer.barebones=true", "--trainer.profiler=SimpleProfiler"], ["profiler=SimpleProfiler)"]),
            (
                ["--early_stopping", "SGD"],
                ["early_stopping: SGD, a class of the kind Optimizer, belongs below model.optimizer"],
            ),
            (["--model.network", "TripletMarginLoss"], ["model.network: TripletMarginLoss takes no num_classes"]),
            (["--data.batch_size", str(10**30)], ["data.batch_size must be under 2^63, got an integer of 100 bits"]),
            (
                ["--model.network.hidden_features", f"[8, {2**63}]"],
                ["model.network.hidden_features must be under 2^63"],
            ),
            (["--model.lr_interval", "batch"], ["model.lr_interval", "batch", "step", "epoch"]),
            (["--trainer.max_epochs", "few"], ["trainer.max_epochs", "few"]),
            (["--trainer.max_epoch", "3"], ["trainer.max_epoch", "trainer.max_epochs"]),
            (["--trainer.callbacks+=Foo"], ["trainer.callbacks", "'Foo'"]),
            (["--early_stopping.patienc", "3"], ["early_stopping", "'patienc'", "Did you mean 'patience'?"]),
            (["--checkpoint.mode", "highest"], ["mode", "highest"]),
            (["--checkpoint.monitor", "val_loss"], ["checkpoint.mode is max: add --checkpoint.mode min"]),
            (["--early_stopping.monitor", "train_loss"], ["early_stopping.mode is max: add --early_stopping.mode min"]),
            (["--checkpoint.save_weights_only", "true"], ["checkpoint.save_weights_only", "Leave it out"]),
            (
                [
                    "--trainer.callbacks+=EarlyStopping",
                    "--trainer.callbacks.monitor=val_acc",
                    "--trainer.callbacks.mode=max",
                ],
                ["trainer.callbacks holds what the key early_stopping is for"],
            ),
            (
                ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val_loss"],
                ["trainer.callbacks holds what the key early_stopping is for", "such as --early_stopping.monitor"],
            ),
            (
                ["--trainer.callbacks", "EarlyStopping"],
                ["trainer.callbacks: ", "set its arguments there, such as --early"],
            ),
            (
                ["--trainer.callbacks+=ModelCheckpoint"],
                ["trainer.callbacks holds what the key checkpoint is for", "--checkpoint null"],
            ),
            (["--batch_size", "3"], ["'batch_size'", "Did you mean 'data.batch_size'?"]),
            (["--lr", "3"], ["'lr'", "Did you mean 'model.optimizer.lr'?"]),
            (["--model.lr", "3"], ["model: ", "'lr'", "Did you mean 'model.optimizer.lr'?"]),
            (["--model", "LeNet"], ["model: LeNet, a class of the kind Network, belongs below model.network"]),
            (
                ["--model.network.help", "ResNet18"],
                ["--model.network TorchvisionNetwork --model.network.name resnet18, or"],
            ),
            (["--model.network.help", "LeNett"], ["Did you mean 'LeNet'?"]),
            (["--trainer.precision", "fp16"], ["bf16-mixed, 32-true, 64-true, 64, 32, 16, bf16, auto, got 'fp16'."]),
            (["--trainer.precision", "fp16"], ["Did you mean '16-mixed'?"]),
            (["--seed_everything", "-1"], ["seed_everything", "-1"]),
            (["--model.optimizer.lr", "-1"], ["model.optimizer: Invalid learning rate: -1"]),
            (["--model.network.hidden_features", "[-1]"], ["model.network: ", "negative dimension -1"]),
            (["--trainer", "nope.yaml"], ["--trainer nope.yaml", "configs/trainer/cpu.yaml"]),
            (["--runs_dir", __file__], ["--runs_dir", "cannot be created", "Not a directory"]),
            (["--ckpt_path", "nope.ckpt"], ["nope.ckpt", "does not exist"]),
            (
                ["--trainer.callbacks+=EMA", "--trainer.callbacks.half_life_epoch=1"],
                ["no argument 'half_life_epoch' of EMA. Did you mean 'half_life_epochs'?"],
            ),
            (["--trainer.callbacks+=EMAA"], ["no class or import path 'EMAA'"]),
            (
                ["--trainer.callbacks.half_life_epochs=1"],
                ["trainer.callbacks: no class is named before its argument", "--trainer.callbacks+=EMA"],
            ),
        ],
    ),
)
def test_mistaken_words_are_named(mistake: Mistake, words: list[str], expected: list[str]) -> None:
    message = mistake("fit", *SMALL, *words)
    assert [part for part in expected if part not in message] == [], message


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--config", "trainer:\n  max_epochs: 1\n  max_epochs: 2\n"),
        ("--trainer", "\nmax_epochs: 1\nmax_epochs: 2\n"),
    ],
)
def test_key_that_stands_twice_in_a_file_is_named_with_both_lines(mistake: Mistake, flag: str, text: str) -> None:
    Path("twice.yaml").write_text(text)
    message = mistake("fit", *SMALL, flag, "twice.yaml")
    assert "twice.yaml" in message
    assert "'max_epochs' stands in line 2 already" in message
    assert "line 3" in message


@pytest.mark.parametrize(
    ("words", "expected"),
    every(
        2,
        [
            ([], ["fit", "validate", "test", "predict"]),
            (["fti"], ["There is no subcommand 'fti'. Did you mean 'fit'?", "fit, validate, test, predict, audit"]),
            (["--allow_import", "torch", "fitt"], ["There is no subcommand 'fitt'. Did you mean 'fit'?"]),
            (["train"], ["There is no subcommand 'train'. Did you mean 'fit'?"]),
            (["fit"], ["data, model.network and model.optimizer come from", "fit --data Digits --model.network LeNet"]),
            (["fit", "--data.batch_size", "32"], ["data: no class is named", "--data Digits"]),
            (["fit", "--data.root", "images"], ["data: no class is named", "--data ImageFolder"]),
            (["audit", "--data.root", "images"], ["data: no class is named", "--data ImageFolder"]),
            (["fit", "--data", "Digits", "--model.network.width", "3"], ["model.network: no class is named"]),
            (["fit", "--model.optimizer.lr", "0.1"], ["model.optimizer: no class is named", "--model.optimizer AdamW"]),
            (["fit", "--model.lr_scheduler.gamma", "0.1"], ["model.lr_scheduler: no class is named"]),
            (["fit", "--model.network", "LeNet", "--model.optimizer", "SGD"], ["data"]),
            (["fit", "--data", "Digits"], ["model.network", "model.optimizer"]),
            (["test"], ["--ckpt_path"]),
            (["predict", "--data.path", "photos"], ["--ckpt_path"]),
            (["test", "--ckpt_path", "best"], ["no run under 'runs'"]),
            (["test", "--ckpt_path", "bset"], ["directory of a run, best or last. Did you mean 'best'?"]),
        ],
    ),
)
def test_what_is_missing_is_named(mistake: Mistake, words: list[str], expected: list[str]) -> None:
    message = mistake(*words)
    assert [part for part in expected if part not in message] == [], message


def test_a_missing_root_is_named(mistake: Mistake) -> None:
    message = mistake(*FOLDER, *LENET)
    assert "data.root" in message
    assert "images" in message


def test_an_empty_class_folder_is_named(mistake: Mistake, class_folders: Path) -> None:
    (class_folders / "empty").mkdir()
    assert "empty" in mistake(*FOLDER, *LENET)


def test_a_folder_with_one_class_is_refused(mistake: Mistake, class_folders: Path) -> None:
    shutil.rmtree(class_folders / "dark")
    message = mistake(*FOLDER, *LENET)
    assert "bright" in message
    assert "data.root" in message


def test_no_internet_for_a_download_says_where_to_put_the_files(
    mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # A port where nothing listens.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)  # It keeps the proxies of its first use for the whole process.
    words = ["--model.network.in_features", "784", "--data", "MNIST", "--data.root", "downloads"]
    message = mistake("fit", *SMALL, *words)
    assert "downloads/MNIST/raw" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    every(
        2,
        [
            ("data: [", "'broken.yaml' is not valid YAML, line 1, column 8"),
            ("data: \x07", "'broken.yaml' is not valid YAML"),
            ("- data", "'broken.yaml' is not a config, which is a mapping"),
            ("model:\n  lr_scheduler: 1.5", "model.lr_scheduler must name a class, got 1.5"),
            ("checkpoint: {dirpath: 1.5}", "checkpoint.dirpath must be"),
            ("datta: Digits", "datta"),
            ("model: LeNet", "model: LeNet, a class of the kind Network, belongs below model.network"),
            ("model: {lr: 0.1}", "Did you mean 'model.optimizer.lr'?"),
            ("trainer:\n  max_epochss: 3", "max_epochss"),
            (
                "model:\n  init_args:\n    network: {class_path: LeNet, init_args: null}",
                "network: init_args must be a map",
            ),
            ("model:\n  init_args:\n    network: {class_path: {a: 1}}", "model.network: class_path must be text"),
            *([("data: /proc/self/mem", "Input/output error")] if Path("/proc/self/mem").exists() else []),
            ("model:\n  optimizer:\n    class_path: Adam\n    init_args:\n      lrr: 1", "lrr"),
        ],
    ),
)
def test_mistakes_in_a_config_are_named(mistake: Mistake, content: str, expected: str) -> None:
    Path("broken.yaml").write_text(content)
    assert expected in mistake("fit", *SMALL, "--config", "broken.yaml")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("max_epochs: few", "trainer.max_epochs must be an integer, got 'few'"),
        ("max_epoch: 3", "Did you mean 'trainer.max_epochs'?"),
        ("max_epochs: [", "--trainer broken.yaml is not valid YAML, line 2"),
        ("", "--trainer broken.yaml"),
    ],
)
def test_mistakes_in_a_trainer_fragment_are_named(mistake: Mistake, content: str, expected: str) -> None:
    Path("broken.yaml").write_text(f"{content}\n")
    assert expected in mistake("fit", *SMALL, "--trainer", "broken.yaml")


def test_a_fragment_for_a_gpu_says_what_to_do_without_one(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    for accelerator in (CUDAAccelerator, MPSAccelerator):
        monkeypatch.setattr(accelerator, "is_available", staticmethod(lambda: False))
    words = [word for word in SMALL if word not in ("--trainer.accelerator", "cpu")]
    message = mistake("fit", *words, "--trainer", str(CONFIGS / "trainer/gpu.yaml"))
    assert "trainer.accelerator is 'gpu': torch finds none on this machine" in message
    assert "--trainer configs/trainer/cpu.yaml" in message


@pytest.mark.parametrize(
    ("words", "expected"),
    every(
        2,
        [
            (["--model.lr_scheduler", "StepLR", "--model.lr_scheduler.step_size", "0"], "model.lr_scheduler: integer"),
            (
                [
                    *["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.01"],
                    *["--model.lr_scheduler.total_steps", "2", "--model.lr_interval", "step"],
                ],
                "this OneCycleLR ends after 2 steps, training after",
            ),
            (["--checkpoint.dirpath", "file"], "file': File exists"),
            (["--model.optimizer.differentiable", "true"], "model.optimizer.differentiable must be false"),
            (
                [
                    "--model.lr_scheduler",
                    "StepLR",
                    "--model.lr_scheduler.step_size=1",
                    "--model.lr_scheduler.last_epoch=2",
                ],
                "model.lr_scheduler.last_epoch must be -1, got 2",
            ),
            (
                ["--model.lr_scheduler", "LinearLR", "--model.lr_scheduler.total_iters", "50"],
                "model.lr_scheduler.total_iters is 50 epochs, but training ends after 2: the learning rate would",
            ),
            (
                ["--trainer.callbacks+=SWA", "--trainer.callbacks.start", "0.8", "--trainer.max_steps", "7"],
                "SWA.start=0.8: of 7 steps, none after the first 5 ends an epoch of 5",
            ),
        ],
    ),
)
def test_what_is_refused_late_is_named(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, *words])
    assert expected in capsys.readouterr().err


def test_an_argument_without_a_value_is_named(mistake: Mistake) -> None:
    assert "--data.batch_size needs a value" in mistake("fit", *SMALL, "--data.batch_size")


@pytest.fixture
def training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is refused must be so before the first step."""

    def fail(*_: object) -> None:
        raise AssertionError("training has begun")

    monkeypatch.setattr("litclassify.models.ImageClassifier.training_step", fail)


@pytest.mark.usefixtures("training_fails")
def test_a_test_after_fit_without_test_images_is_refused_before_training(mistake: Mistake, class_folders: Path) -> None:
    class_folders.rename("classes")
    class_folders.mkdir()
    Path("classes").rename(class_folders / "train")
    message = mistake(*FOLDER, *LENET, "--test_after_fit", "true")
    assert message.startswith("error: test_after_fit needs a test set.")
    assert "data.root='images' has train/ but no test/" in message


@pytest.mark.usefixtures("training_fails")
@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("early_stopping.monitor", []),
        ("checkpoint.monitor", []),
        ("model.lr_scheduler.monitor", ["--model.lr_scheduler", "lightning.pytorch.cli.ReduceLROnPlateau"]),
    ],
)
def test_an_unknown_metric_is_named_before_training(mistake: Mistake, key: str, words: list[str]) -> None:
    message = mistake("fit", *SMALL, *words, f"--{key}", "val_ac")
    assert f"{key} is 'val_ac', which is not logged. Did you mean 'val_acc'?" in message
    assert "train_acc, train_acc_top5, train_loss, val_acc, val_acc_top5, val_f1, val_loss" in message


@pytest.mark.filterwarnings("ignore:You requested to overfit")  # Lightning says so of any shuffled loader.
def test_a_share_of_batches_that_is_none_is_named_as_it_was_given(mistake: Mistake) -> None:
    message = mistake("fit", *SMALL, "--trainer.overfit_batches", "0.01")
    assert message.startswith("error: trainer.overfit_batches is 0.01: ")
    assert "limit_val_batches" not in message


@pytest.mark.parametrize(
    ("key", "words", "better"),
    [
        ("checkpoint", ["--checkpoint.monitor", "val_loss"], "less"),
        ("checkpoint", ["--checkpoint.monitor", "val_acc", "--checkpoint.mode", "min"], "more"),
        ("early_stopping", ["--early_stopping.mode", "min"], "more"),
        (
            "model.lr_scheduler",
            [
                *["--model.lr_scheduler", "lightning.pytorch.cli.ReduceLROnPlateau"],
                *["--model.lr_scheduler.monitor", "val_acc"],
            ],
            "more",
        ),
    ],
)
def test_a_mode_that_takes_the_worst_for_the_best_is_refused(
    mistake: Mistake, key: str, words: list[str], better: str
) -> None:
    message = mistake("fit", *SMALL, *words)
    assert f", of which {better} is better, but {key}.mode is" in message
    assert f"add --{key}.mode {'min' if better == 'less' else 'max'}." in message


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler.step_size", "30"],
            "StepLR has no effect: it falls after 30 epochs, and training ends after 1",
        ),
        (
            ["--model.lr_scheduler", "MultiStepLR", "--model.lr_scheduler.milestones", "[30, 60]"],
            "MultiStepLR has no effect: it falls after 30 epochs",
        ),
        (
            ["--trainer.gradient_clip_algorithm", "norm"],
            "trainer.gradient_clip_algorithm norm has no effect without trainer.gradient_clip_val",
        ),
    ],
)
def test_what_has_no_effect_is_said(words: list[str], expected: str) -> None:
    with pytest.warns(UserWarning, match=expected):
        main(["fit", *SMALL, *words, "--trainer.max_epochs", "1"])


@pytest.mark.usefixtures("training_fails")
def test_early_stopping_without_validation_is_refused_before_training(mistake: Mistake) -> None:
    message = mistake("fit", *SMALL, "--trainer.limit_val_batches", "0")
    assert "early_stopping.monitor is 'val_acc', but there are no validation images" in message


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 nor a zip"])
def test_a_file_that_is_no_checkpoint_is_refused(mistake: Mistake, content: bytes) -> None:
    Path("x.ckpt").write_bytes(content)
    assert "'x.ckpt' is not a checkpoint" in mistake("test", "--ckpt_path", "x.ckpt")


def test_a_state_dict_is_no_checkpoint(mistake: Mistake) -> None:
    torch.save({"weight": torch.zeros(1)}, "x.pt")
    assert "no 'state_dict'" in mistake("test", "--ckpt_path", "x.pt")


def test_predicting_on_nothing_is_refused(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = fit()
    for given in ("nowhere", "*.png"):
        with pytest.raises(SystemExit) as stop:
            main(["predict", "--ckpt_path", str(run), "--data.path", given])
        assert stop.value.code == 2
        assert "data.path" in capsys.readouterr().err


def test_an_unreadable_image_is_named_from_a_worker(class_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("bright", "dark"):
        for path in (class_folders / label).iterdir():
            path.write_bytes(b"no image")
    with pytest.raises(SystemExit) as stop:
        main([*FOLDER, *LENET, "--data.num_workers", "1"])
    assert stop.value.code == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed[printed.index("error: ") :]
    assert ".png" in printed


@pytest.mark.parametrize(
    ("words", "expected"),
    every(
        2,
        [
            (
                ["test", "--model.network.hidden_features", "[9]"],
                ["--ckpt_path: its weights do not fit", "size mismatch"],
            ),
            (["fit", "--model.network.hidden_features", "[9]"], ["--ckpt_path: its weights do not fit", "init_from"]),
            (["fit", "--model.optimizer", "SGD"], ["model.optimizer is", "AdamW", "init_from"]),
            (["predict", "--data.path", "binary.txt"], ["data.path='binary.txt' is not text"]),
            (["predict", "--output", "folder.csv"], ["--output 'folder.csv' cannot be written"]),
            (["test", "--data", "CIFAR10"], ["checkpoint (10): 0, 1", "data (10): airplane"]),
        ],
    ),
)
def test_what_does_not_go_with_a_checkpoint_is_named(
    fit: Callable[..., Path], words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit("--trainer.max_epochs", "1")
    Path("binary.txt").write_bytes(b"\xff\xfe")
    Path(".folder.csv.part0").mkdir()
    with pytest.raises(SystemExit) as stop:
        main([*words, "--ckpt_path", str(run)])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert [part for part in expected if part not in message] == [], message


def test_output_needs_a_known_ending(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = fit()
    with pytest.raises(SystemExit) as stop:
        main(["predict", "--ckpt_path", str(run), "--output", "predictions.xls"])
    assert stop.value.code == 2
    assert "--output must end in .csv, .jsonl or .parquet, got 'predictions.xls'" in capsys.readouterr().err


def test_debug_gives_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LITCLASSIFY_DEBUG", "1")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--data.batch_size", "0"])
    *_, traceback, last = capsys.readouterr().err.rpartition("Traceback (most recent call last)")
    assert traceback
    assert last.endswith("UserError: data.batch_size must be at least 1, got 0.\n")


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("a bug"),
        # Words that are arguments of the Trainer, too.
        ValueError("tensors differ in precision"),
        ValueError("all callbacks failed"),
        json.JSONDecodeError("no strategy", "", 0),
    ],
    ids=str,
)
def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, bug: Exception) -> None:
    def broken(*_: object) -> None:
        raise bug

    monkeypatch.setattr("litclassify.models.ImageClassifier.training_step", broken)
    with pytest.raises(type(bug), match=str(bug).partition(":")[0]):
        main(["fit", *SMALL])


def test_images_of_different_sizes_name_the_transform(class_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (20, 16)).save(class_folders / "dark" / "wide.png")
    transform = ["--data.train_transform", "[RandomHorizontalFlip]", "--data.num_workers", "0"]
    with pytest.raises(SystemExit):
        main([*FOLDER, *LENET, *transform, "--data.val_split", "2"])
    assert "data.train_transform" in capsys.readouterr().err


def test_a_transform_that_fails_is_named_with_its_image(capsys: pytest.CaptureFixture[str]) -> None:
    Path("transform.yaml").write_text(
        "data: {train_transform: [{class_path: RandomRotation, init_args: {degrees: 9, interpolation: BILINEAR}}]}"
    )
    with pytest.raises(SystemExit) as stop:
        main(["fit", *SMALL, "--config", "transform.yaml"])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert "data.train_transform fails on train/" in message
    assert "Invalid interpolation mode: 'BILINEAR'" in message


@pytest.mark.parametrize(
    ("content", "key", "line"),
    [
        ("model:\n  init_args:\n    network:\n      class_path: MLP\n      init_args:\n        in_featurs: 64", "", 6),
        ("data:\n  class_path: Digits\n  init_args:\n    batch_size: many", "data.batch_size", 4),
        ("data:\n  batch_size: 0", "data.batch_size", 2),
        ("trainer:\n  max_epochs: 3\n  max_epoch: 4", "trainer.max_epoch", 3),
        ("# A comment.\n\nmodel:\n  optimizer: Adamm", "model.optimizer", 4),
        (
            "model:\n  network:\n    class_path: LeNet\n    width: 4",
            "model.network: 'width' belongs below init_args.",
            4,
        ),
        ("model:\n  optimizer: {class_path: AdamW,\n    lr: 1}", "model.optimizer: 'lr' belongs below init_args.", 3),
        ("data:\n  class_path: Digits\n  batch_size: 8", "data: 'batch_size' belongs below init_args.", 3),
        (
            "model:\n  class_path: ImageClassifier\n  lr_interval: step",
            "model: 'lr_interval' belongs below init_args.",
            3,
        ),
        ("early_stopping:\n  class_path: EarlyStopping\n  patience: 3", "'patience' belongs below init_args.", 3),
        (
            "trainer:\n  callbacks:\n  - class_path: EMA\n    half_life_epochs: 1",
            "trainer.callbacks.0: 'half_life_epochs' belongs below init_args.",
            4,
        ),
        (
            "data:\n  train_transform:\n  - class_path: RandomRotation\n    degrees: 9",
            "data.train_transform.0: 'degrees' belongs below init_args.",
            4,
        ),
        (
            "model:\n  network:\n    class_path: LeNet\n    init_arg: {width: 4}",
            "model.network: there is no 'init_arg' beside class_path. Did you mean 'init_args'?",
            4,
        ),
    ],
)
def test_a_mistake_in_a_config_comes_with_file_and_line(mistake: Mistake, content: str, key: str, line: int) -> None:
    Path("broken.yaml").write_text(content)
    Path("base.yaml").write_text("data: Digits\nmodel: {network: LeNet, optimizer: SGD}\ntrainer: {max_epochs: 1}")
    message = mistake("fit", "--config", "base.yaml", "--config", "broken.yaml")
    assert key in message
    assert f"It stands in broken.yaml, line {line}." in message


@pytest.mark.parametrize("word", [" ", "", "=", "\t", "- -"])
def test_a_word_without_a_name_is_no_argument(mistake: Mistake, word: str) -> None:
    assert "There is no argument" in mistake("fit", *SMALL, word)
