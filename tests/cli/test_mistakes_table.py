"""Every kind of mistake, on the command line and in a config: the key, what is allowed, the nearest name."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.conftest import every

Mistake = Callable[..., str]

BASE = """
data: {class_path: Digits, init_args: {batch_size: 256}}
model:
  class_path: ImageClassifier
  init_args:
    network: {class_path: MLP, init_args: {in_features: 64}}
    optimizer: {class_path: AdamW, init_args: {lr: 0.01}}
    lr_scheduler: {class_path: WarmupCosine}
trainer: {max_epochs: 1, accelerator: cpu}
"""

# Key, value, and what the message must hold beside the key.
WRONG_VALUES: list[tuple[str, object, list[str]]] = [
    ("seed_everything", "x", ["true or false", "an integer"]),
    ("test_after_fit", "maybe", ["true or false", "'maybe'"]),
    ("trainer.max_epochs", "few", ["an integer", "'few'"]),
    ("trainer.max_epochs", 1.5, ["an integer", "1.5"]),
    ("trainer.max_steps", "many", ["an integer"]),
    ("trainer.min_epochs", [1], ["an integer"]),
    ("trainer.log_every_n_steps", "often", ["an integer"]),
    ("trainer.precision", 17, ["bf16-mixed"]),
    ("trainer.precision", "bf16-mixd", ["Did you mean 'bf16-mixed'?"]),
    ("trainer.gradient_clip_val", "high", ["a number"]),
    ("trainer.gradient_clip_val", -1, ["trainer.gradient_clip_val must be at least 0, got -1"]),
    ("trainer.gradient_clip_val", float("nan"), ["trainer.gradient_clip_val must be at least 0, got nan"]),
    ("trainer.enable_progress_bar", "perhaps", ["true or false"]),
    ("trainer.detect_anomaly", 3, ["true or false"]),
    ("trainer.num_nodes", "two", ["an integer"]),
    ("trainer.accumulate_grad_batches", "x", ["an integer"]),
    ("trainer.benchmark", "x", ["true or false"]),
    ("trainer.sync_batchnorm", "x", ["true or false"]),
    ("trainer.limit_train_batches", "half", ["a number"]),
    ("trainer.val_check_interval", [1, 2], ["a number"]),
    ("trainer.accelerator", "gppu", ["there is no such accelerator", "Did you mean 'gpu'?"]),
    ("trainer.accelerator", "tpu", ["torch finds none on this machine", "--trainer configs/trainer/cpu.yaml"]),
    ("trainer.devices", 0, ["a count from 1"]),
    ("trainer.devices", -1, ["a count from 1"]),
    ("trainer.devices", [0, 1], ["a count from 1"]),
    ("trainer.strategy", "dpp", ["there is no such strategy", "Did you mean 'ddp'?"]),
    ("trainer.strategy", "fsdp", ["GPU"]),
    ("trainer.num_nodes", 0, ["trainer.num_nodes is 0", "positive"]),
    ("trainer.max_epochs", -2, ["trainer.max_epochs is -2"]),
    ("trainer.max_time", "long", ["trainer.max_time is 'long'", "DD:HH:MM:SS"]),
    ("trainer.limit_train_batches", 1.5, ["trainer.limit_train_batches is 1.5"]),
    ("trainer.accumulate_grad_batches", 0, ["trainer.accumulate_grad_batches must be at least 1, got 0"]),
    ("trainer.overfit_batches", 1e300, ["trainer.overfit_batches must be under 2^63, got 1e+300"]),
    ("trainer.check_val_every_n_epoch", 0, ["trainer.check_val_every_n_epoch must be at least 1, got 0"]),
    ("trainer.val_check_interval", 500, ["trainer.val_check_interval is 500", "number of the training batches"]),
    ("trainer.gradient_clip_algorithm", "foo", ["trainer.gradient_clip_algorithm", "norm"]),
    ("model.class_names", ["a", "b"], ["cannot be set", "takes it from the data"]),
    ("model.mean", [0.5], ["cannot be set", "takes it from the data"]),
    ("data.batch_size", "many", ["an integer", "'many'"]),
    ("data.batch_size", 2.5, ["an integer", "2.5"]),
    ("data.batch_size", [1], ["an integer"]),
    ("data.batch_size", 0, ["at least 1", "got 0"]),
    ("data.batch_size", -3, ["at least 1", "got -3"]),
    ("data.num_workers", "many", ["an integer", "auto"]),
    ("data.num_workers", -1, ["at least 0", "got -1"]),
    ("data.image_size", "big", ["an integer"]),
    ("data.image_size", [8, 8, 8], ["a list of 2"]),
    ("data.image_size", 0, ["positive"]),
    ("data.seed", -1, ["from 0 to"]),
    ("data.seed", "x", ["an integer"]),
    ("data.val_split", "half", ["a number"]),
    ("data.val_split", 0, ["got 0"]),
    ("data.val_split", 1.0, ["1.0"]),
    ("data.val_split", 1.5, ["1.5"]),
    ("data.val_split", -0.1, ["-0.1"]),
    ("data.val_split", 1797, ["1797"]),
    ("data.test_split", 5000, ["5000"]),
    ("data.train_transform", "RandomCrop", ["a list", "'RandomCrop'"]),
    (
        "data.train_transform",
        "RandomRotation",
        ["flip_crop --data.train_transform+=RandomRotation", "[RandomRotation]"],
    ),
    ("data.train_transform", "ToTensor", ["Leave out ToTensor: images stay uint8, and the model normalises them."]),
    ("data.train_transform", ["Normalize"], ["Leave out Normalize: images stay uint8, and the model normalises them."]),
    ("data.train_transform", ["RandomCropp"], ["Did you mean 'RandomCrop'?"]),
    ("data.train_transform", [{"class_path": "RandomCrop"}], ["size"]),
    ("data.train_transform", [{"class_path": "RandomCrop", "init_args": {"sizee": 3}}], ["Did you mean 'size'?"]),
    ("data.train_transform", [{"class_path": "Normalize", "init_args": {"mean": [0], "std": [1]}}], ["Normalize"]),
    ("data.eval_transform", ["CenterCropp"], ["Did you mean 'CenterCrop'?"]),
    ("data", "Digit", ["Did you mean 'Digits'?"]),
    ("data", "digits", ["Did you mean 'Digits'?"]),
    ("data", "litclassify.data.Nope", ["'Nope'"]),
    ("data", "torch.nn.Linear", ["LightningDataModule"]),
    ("model", "ImageClassifie", ["Did you mean 'ImageClassifier'?"]),
    ("model.network", "LeNett", ["Did you mean 'LeNet'?"]),
    ("model.network", "Resnet9", ["Did you mean 'ResNet9'?"]),
    ("model.network", "torch.nn.Nope", ["'Nope'"]),
    ("model.network", "torch.nn.functional.relu", ["class or function"]),
    ("model.network", "torchvision.models.resnet81", ["resnet81"]),
    ("model.network", "resnet18", ["--model.network TorchvisionNetwork --model.network.name resnet18"]),
    ("model.network", "ResNet-18", ["torchvision.models.resnet18"]),
    ("model.network", "torchvision.resnet18", ["torchvision.models.resnet18"]),
    ("model.network", "torchvision.models.resnet", ["is a module"]),
    ("model.network", 3, ["3"]),
    ("model.network", None, ["Missing: model.network", "--model.network LeNet"]),
    ("model.network", {"class_path": "TorchvisionNetwork", "init_args": {"name": None}}, ["Missing", "name"]),
    ("model.network.in_features", None, ["an integer", "got null"]),
    ("model.network.hidden_features", None, ["a list", "got null"]),
    ("model.optimizer", None, ["Missing: model.optimizer", "--model.optimizer AdamW"]),
    ("model.optimizer.lr", None, ["a number", "got null"]),
    ("model.lr_interval", None, ["step", "epoch", "got null"]),
    ("model.lr_scheduler.warmup", None, ["a number", "got null"]),
    ("model.criterion", None, ["a class (Module)", "got null"]),
    ("model.criterion", 0.1, ["a class (Module)"]),
    ("model.criterion.label_smoothing", None, ["a number", "got null"]),
    ("early_stopping", [1], ["a class (EarlyStopping)"]),
    ("early_stopping.patience", None, ["an integer", "got null"]),
    ("data", None, ["Missing: data", "--data Digits"]),
    ("data", "ImageDataModule", ["no class is named", "--data Digits"]),
    ("data", "LightningDataModule", ["no class is named", "--data Digits"]),
    ("data.batch_size", None, ["an integer", "got null"]),
    ("data.num_workers", None, ["an integer", "got null"]),
    ("data.image_size", None, ["an integer", "got null"]),
    ("data.test_split", None, ["a number", "got null"]),
    ("data.seed", None, ["an integer", "got null"]),
    ("model.network", "ResNet9", ["3-channel images", "in_channels"]),
    ("model.network", "LeNet5", ["Did you mean 'LeNet'?"]),
    ("model.network.in_features", "wide", ["an integer", "'wide'"]),
    ("model.network.in_features", 63, ["63", "64"]),
    ("model.network.hidden_features", "x", ["a list"]),
    ("model.network.hidden_features", ["x"], ["x"]),
    ("model.network.dropout", "x", ["a number"]),
    ("model.network", {"class_path": "TorchvisionNetwork", "init_args": {"name": "resnet81"}}, ["resnet"]),
    ("model.network", {"class_path": "TorchvisionNetwork"}, ["name"]),
    (
        "model.network",
        {"class_path": "TorchvisionNetwork", "init_args": {"name": "resnet18", "weights": "IMAGENET"}},
        ["IMAGENET1K_V1"],
    ),
    (
        "model.network",
        {"class_path": "TorchvisionNetwork", "init_args": {"name": "resnet18", "image_size": 8}},
        ["any size"],
    ),
    ("model.optimizer", "Adamm", ["Did you mean 'Adam'?"]),
    ("model.optimizer", "sgd", ["Did you mean 'SGD'?"]),
    ("model.optimizer", "torch.optim.Nope", ["'Nope'"]),
    ("model.optimizer", "torch.nn.Linear", ["Optimizer"]),
    ("model.optimizer", 0.1, ["0.1"]),
    ("model.optimizer.lr", "fast", ["a number", "'fast'"]),
    ("model.optimizer.betas", 3, ["a list"]),
    ("model.optimizer.weight_decay", "x", ["a number"]),
    ("model.optimizer.amsgrad", "x", ["true or false"]),
    ("model.criterion", "CrossEntropyLos", ["Did you mean 'CrossEntropyLoss'?"]),
    ("model.criterion.label_smoothing", "x", ["a number"]),
    ("model.criterion.weight", "abc", ["a list of numbers"]),
    ("model.lr_scheduler", "StepLR", ["step_size"]),
    ("model.lr_scheduler", "WarmupCosin", ["Did you mean 'WarmupCosine'?"]),
    ("model.lr_scheduler.warmup", "x", ["a number"]),
    ("model.lr_interval", "batch", ["step", "epoch", "'batch'"]),
    ("model.lr_interval", "epochs", ["Did you mean 'epoch'?"]),
    ("model.init_from", "nope.ckpt", ["nope.ckpt"]),
    ("checkpoint", "ModelCheckpont", ["Did you mean 'ModelCheckpoint'?"]),
    ("checkpoint.save_top_k", "best", ["an integer", "'best'"]),
    ("checkpoint.mode", "highest", ["highest"]),
    ("checkpoint.every_n_epochs", "x", ["an integer"]),
    ("checkpoint.dirpath", "nowhere://bucket", ["Protocol not known: nowhere"]),
    ("checkpoint.dirpath", "http://127.0.0.1/checkpoints", ["checkpoint.dirpath 'http://127.0.0.1/checkpoints': "]),
    ("checkpoint.filename", "{epoch", ["checkpoint.filename '{epoch' cannot be filled in", "{val_acc:.4f}"]),
    ("checkpoint.filename", "{epoch:zz}", ["cannot be filled in", "'z'"]),
    ("checkpoint.filename", "{val_acc:d}", ["cannot be filled in", "'d'"]),
    ("checkpoint.filename", "{}", ["cannot be filled in"]),
    ("checkpoint.filename", "}{epoch}", ["cannot be filled in"]),
    ("checkpoint.filename", "../{epoch}", ["in a folder of its own", "leave out '/'"]),
    ("early_stopping", "EarlyStoping", ["Did you mean 'EarlyStopping'?"]),
    ("early_stopping.patience", "soon", ["an integer", "'soon'"]),
    ("early_stopping.mode", "highest", ["highest"]),
    ("early_stopping.min_delta", "x", ["a number"]),
    ("trainer.callbacks", ["EarlyStoping"], ["Did you mean 'EarlyStopping'?"]),
    ("trainer.callbacks", [{"class_path": "EarlyStopping"}], ["monitor"]),
    ("trainer.callbacks", [{"class_path": "EarlyStopping", "init_args": {"monitr": "x"}}], ["Did you mean 'monitor'?"]),
    ("trainer.logger", "CSVLoger", ["Did you mean 'CSVLogger'?"]),
]

# A misspelt key and the one that was meant.
WRONG_KEYS = [
    ("datta", "data"),
    ("modl", "model"),
    ("trainr", "trainer"),
    ("seed_everythin", "seed_everything"),
    ("run_nam", "run_name"),
    ("runs_dri", "runs_dir"),
    ("test_after_fitt", "test_after_fit"),
    ("ckpt_pth", "ckpt_path"),
    ("earlystopping", "early_stopping"),
    ("checkpoints", "checkpoint"),
    ("trainer.max_epoch", "max_epochs"),
    ("trainer.precison", "precision"),
    ("trainer.acelerator", "accelerator"),
    ("trainer.call_backs", "callbacks"),
    ("trainer.log_every_n_step", "log_every_n_steps"),
    ("data.batchsize", "batch_size"),
    ("data.num_worker", "num_workers"),
    ("data.imagesize", "image_size"),
    ("data.valsplit", "val_split"),
    ("data.train_transfrom", "train_transform"),
    ("model.netwrk", "network"),
    ("model.optimiser", "optimizer"),
    ("model.criterium", "criterion"),
    ("model.lr_schedule", "lr_scheduler"),
    ("model.network.in_feature", "in_features"),
    ("model.network.drop_out", "dropout"),
    ("model.optimizer.learning_rat", None),
    ("model.optimizer.weightdecay", "weight_decay"),
    ("model.lr_scheduler.warm_up", "warmup"),
    ("model.criterion.label_smoothin", "label_smoothing"),
    ("early_stopping.patienc", "patience"),
    ("checkpoint.save_topk", "save_top_k"),
]


def nested(key: str, value: object) -> dict[str, object]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[return-value]


def from_file(mistake: Mistake, key: str, value: object) -> str:
    Path("base.yaml").write_text(BASE)
    Path("broken.yaml").write_text(yaml.safe_dump(nested(key, value)))
    return mistake("fit", "--config", "base.yaml", "--config", "broken.yaml")


@pytest.mark.parametrize(("key", "value", "expected"), every(2, WRONG_VALUES), ids=str)
def test_a_wrong_value_is_named_with_what_is_allowed(
    key: str,
    value: object,
    expected: list[str],
    mistake: Mistake,
) -> None:
    message = from_file(mistake, key, value)
    # What a class itself says of its arguments names the argument alone.
    section, _, argument = key.partition(".")
    assert section in message or (argument and argument in message)
    assert [part for part in expected if part not in message] == [], message


@pytest.mark.parametrize(("key", "meant"), every(2, WRONG_KEYS))
@pytest.mark.parametrize("source", ["file", "flag"])
def test_a_misspelt_key_is_named_with_the_nearest(
    key: str,
    meant: str | None,
    source: str,
    mistake: Mistake,
) -> None:
    if source == "file":
        message = from_file(mistake, key, 1)
    else:
        Path("base.yaml").write_text(BASE)
        message = mistake("fit", "--config", "base.yaml", f"--{key}", "1")
    assert key.rsplit(".", 1)[-1] in message
    assert meant is None or f"{meant}'?" in message, message
