"""Each Trainer argument of the tutorial takes effect."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer
from lightning.pytorch.callbacks.timer import Interval
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tests.conftest import SMALL

from litclassify.callbacks import ResumableCheckpoint
from litclassify.cli.application import ClassificationCLI
from litclassify.cli.run import process_set_up_for
from litclassify.cli.trainer.console import quiet_lightning

Build = Callable[..., ClassificationCLI]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Build:
    """Build everything that `fit` would run with, and run nothing."""
    monkeypatch.setattr(ClassificationCLI, "_run_subcommand", lambda self, subcommand: None)

    def cli(*words: str) -> ClassificationCLI:
        with process_set_up_for(["fit", *SMALL, *words]) as prepared:
            return ClassificationCLI(prepared)

    return cli


def from_yaml(content: dict[str, Any]) -> list[str]:
    Path("more.yaml").write_text(yaml.safe_dump(content))
    return ["--config", "more.yaml"]


def callbacks_of(cli: ClassificationCLI, kind: type) -> Sequence[Any]:
    return [callback for callback in cli.trainer.callbacks if isinstance(callback, kind)]


def train(cli: ClassificationCLI) -> None:
    with quiet_lightning():
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)


def test_every_argument_of_the_trainer_is_reachable(build: Build) -> None:
    config = build().config.fit.trainer
    assert set(config.keys()) == set(inspect.signature(Trainer).parameters)


def test_barebones_trains_without_a_trace(build: Build) -> None:
    cli = build("--trainer.barebones", "true")
    train(cli)
    assert cli.trainer.global_step > 0
    assert not Path("runs").exists()


def test_max_epochs(build: Build) -> None:
    assert build("--trainer.max_epochs", "7").trainer.max_epochs == 7


def test_accelerator_and_devices(build: Build) -> None:
    trainer = build("--trainer.accelerator", "cpu", "--trainer.devices", "2").trainer
    assert (type(trainer.accelerator).__name__, trainer.num_devices) == ("CPUAccelerator", 2)


def test_precision(build: Build) -> None:
    assert build("--trainer.precision", "bf16-mixed").trainer.precision == "bf16-mixed"


def test_log_every_n_steps(build: Build) -> None:
    assert build("--trainer.log_every_n_steps", "3").trainer.log_every_n_steps == 3


def test_fast_dev_run(build: Build) -> None:
    trainer = build("--trainer.fast_dev_run", "true").trainer
    assert trainer.fast_dev_run
    assert trainer.num_training_batches <= 1 or trainer.max_steps == 1


def test_default_root_dir_holds_the_runs(build: Build) -> None:
    cli = build("--trainer.default_root_dir", "elsewhere")
    assert cli.run_dir is not None
    assert cli.run_dir.parts[:3] == ("elsewhere", "runs", "digits")


def test_standard_loggers_write_into_the_run(build: Build) -> None:
    cli = build()
    tensorboard, csv = cli.trainer.loggers
    assert isinstance(tensorboard, TensorBoardLogger)
    assert isinstance(csv, CSVLogger)
    assert {Path(str(logger.log_dir)) for logger in cli.trainer.loggers} == {cli.run_dir}


def test_logger_false_logs_nothing(build: Build) -> None:
    cli = build("--trainer.logger", "false")
    assert cli.trainer.loggers == []
    assert callbacks_of(cli, LearningRateMonitor) == []


def test_logger_from_yaml_takes_the_place_of_the_standard_ones(build: Build) -> None:
    loggers = [{"class_path": "CSVLogger", "init_args": {"save_dir": "mine"}}]
    cli = build(*from_yaml({"trainer": {"logger": loggers}}))
    (logger,) = cli.trainer.loggers
    assert isinstance(logger, CSVLogger)
    assert logger.save_dir == "mine"


def test_callbacks_from_yaml_join_the_standard_ones(build: Build) -> None:
    callbacks = [{"class_path": "Timer", "init_args": {"duration": "00:01:00:00"}}]
    cli = build(*from_yaml({"trainer": {"callbacks": callbacks}}))
    assert len(callbacks_of(cli, Timer)) == 1
    assert len(callbacks_of(cli, ModelCheckpoint)) == 1


def test_a_callback_given_twice_by_class_is_the_users(build: Build) -> None:
    callbacks = [{"class_path": "LearningRateMonitor", "init_args": {"logging_interval": "epoch"}}]
    cli = build(*from_yaml({"trainer": {"callbacks": callbacks}}))
    (monitor,) = callbacks_of(cli, LearningRateMonitor)
    assert monitor.logging_interval == "epoch"


def test_checkpoints_and_early_stopping_have_their_defaults(build: Build) -> None:
    cli = build()
    (checkpoint,) = callbacks_of(cli, ModelCheckpoint)
    (stopping,) = callbacks_of(cli, EarlyStopping)
    assert (checkpoint.monitor, checkpoint.mode, checkpoint.save_top_k, checkpoint.save_last) == (
        "val_acc",
        "max",
        5,
        True,
    )
    assert (stopping.monitor, stopping.mode, stopping.patience) == ("val_acc", "max", 10)
    assert checkpoint.dirpath == str(cli.run_dir / "checkpoints")


def test_checkpoints_and_early_stopping_have_their_own_keys(build: Build) -> None:
    config = {"checkpoint": {"save_top_k": 2}, "early_stopping": {"patience": 4}}
    cli = build(*from_yaml(config), "--early_stopping.min_delta", "0.5")
    (checkpoint,) = callbacks_of(cli, ModelCheckpoint)
    (stopping,) = callbacks_of(cli, EarlyStopping)
    assert (checkpoint.save_top_k, stopping.patience, stopping.min_delta) == (2, 4, 0.5)


def test_null_switches_them_off(build: Build) -> None:
    cli = build("--early_stopping", "null", "--checkpoint", "null")
    assert callbacks_of(cli, EarlyStopping) == []
    assert callbacks_of(cli, ModelCheckpoint) == []


@pytest.mark.parametrize("part", [["--early_stopping.patience", "3"], ["--config", "part.yaml"]])
def test_what_follows_a_null_is_on_top_of_the_defaults(build: Build, part: list[str]) -> None:
    Path("part.yaml").write_text("early_stopping: {patience: 3}")
    cli = build(*from_yaml({"early_stopping": None, "checkpoint": None}), *part, "--checkpoint.save_top_k", "1")
    (checkpoint,) = callbacks_of(cli, ModelCheckpoint)
    (stopping,) = callbacks_of(cli, EarlyStopping)
    assert (stopping.monitor, stopping.mode, stopping.patience) == ("val_acc", "max", 3)
    assert (type(checkpoint), checkpoint.monitor, checkpoint.save_top_k) == (ResumableCheckpoint, "val_acc", 1)


def test_early_stopping_stops(build: Build) -> None:
    cli = build("--early_stopping.patience", "0", "--early_stopping.min_delta", "1", "--trainer.max_epochs", "9")
    train(cli)
    assert cli.trainer.current_epoch < 4


@pytest.mark.parametrize("metric", ["val_acc", "grad_norm"])
def test_early_stopping_where_validations_go_by_the_clock(build: Build, metric: str) -> None:
    """The Trainer then has no `val_check_interval`, for which Lightning's callback asks."""
    stopping = ["--early_stopping.monitor", metric, "--early_stopping.mode", "max", "--early_stopping.strict", "false"]
    cli = build("--trainer.val_check_interval", "00:01:00:00", *stopping)
    train(cli)
    assert cli.trainer.global_step == 10


def test_the_best_five_checkpoints_stay(build: Build) -> None:
    cli = build("--trainer.max_epochs", "7")
    train(cli)
    files = {path.name for path in (cli.run_dir / "checkpoints").iterdir()}
    assert {"last.ckpt", "previous.ckpt"} < files
    assert len(files) == 7


def test_class_weights_come_from_yaml(build: Build) -> None:
    criterion = {
        "class_path": "torch.nn.CrossEntropyLoss",
        "init_args": {"weight": [1] * 9 + [4], "label_smoothing": 0.1},
    }
    model = build(*from_yaml({"model": {"criterion": criterion}})).model
    assert model.criterion.weight.tolist() == [1.0] * 9 + [4.0]
    assert model.criterion.label_smoothing == 0.1


def test_any_function_that_takes_num_classes_is_a_network(build: Build) -> None:
    model = build("--data", "CIFAR10", "--model.network", "torchvision.models.shufflenet_v2_x0_5").model
    assert model.network.fc.out_features == 10
    assert isinstance(model.network.fc, torch.nn.Linear)


def test_an_enum_of_strings_is_saved_as_text_and_leaves_yaml_as_it_is(build: Build) -> None:
    cli = build(*from_yaml({"trainer": {"callbacks": [{"class_path": "Timer"}]}}))
    cli.before_fit()
    (timer,) = yaml.safe_load((cli.run_dir / "config.fit.yaml").read_text())["trainer"]["callbacks"]
    assert timer["init_args"]["interval"] == "step"
    with pytest.raises(yaml.representer.RepresenterError):
        yaml.safe_dump(Interval.step)
