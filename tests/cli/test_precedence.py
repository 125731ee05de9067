"""Class defaults < checkpoint < config files in order < flags, for scalars, class arguments and callbacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.cli.application import ClassificationCLI
from litclassify.cli.run import process_set_up_for

Parse = Callable[..., dict[str, Any]]
SOURCES = ["default", "checkpoint", "first", "second", "flag"]
PAIRS = [(low, high) for i, low in enumerate(SOURCES) for high in SOURCES[i + 1 :]]

# What each source says for a scalar, an argument of a class, an argument of a nested class, and a callback's argument.
KEYS: dict[str, dict[str, Any]] = {
    "data.batch_size": {"default": 64, "checkpoint": 8, "first": 16, "second": 24, "flag": 40},
    "model.lr_interval": {
        "default": "epoch",
        "checkpoint": "step",
        "first": "epoch",
        "second": "step",
        "flag": "epoch",
    },
    "model.network.dropout": {"default": 0.0, "checkpoint": 0.1, "first": 0.2, "second": 0.3, "flag": 0.4},
    "model.optimizer.lr": {"default": 0.001, "checkpoint": 0.1, "first": 0.2, "second": 0.3, "flag": 0.4},
    "early_stopping.patience": {"default": 10, "checkpoint": 10, "first": 2, "second": 3, "flag": 4},
}
ONE_BATCH = ["--trainer.max_steps=1", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
BASE = ["--data", "Digits", "--model.network", "MLP", "--model.network.in_features", "64", "--model.optimizer", "Adam"]


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Parse:
    """Parse a command line; gives the config of its subcommand."""

    def config(*words: str) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            patch.setattr(ClassificationCLI, "instantiate_classes", lambda self: None)
            patch.setattr(ClassificationCLI, "_run_subcommand", lambda self, subcommand: None)
            with process_set_up_for(words) as prepared:
                cli = ClassificationCLI(prepared)
        return yaml.safe_load(cli._parser(words[0]).dump(cli.config[words[0]], skip_none=False))

    return config


def value_at(config: dict[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value.get("init_args", value) if isinstance(value, dict) and part not in value else value
        value = value[part]
    return value


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint that was trained with what KEYS say."""
    words = [f"--{key}={values['checkpoint']}" for key, values in KEYS.items() if key != "early_stopping.patience"]
    folder = tmp_path_factory.mktemp("checkpoint")
    schedule = ["--model.lr_scheduler", "WarmupCosine", "--runs_dir", str(folder)]
    main(["fit", *SMALL, *BASE, *schedule, *words, "--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1"])
    return str(next(folder.glob("*/*/checkpoints/last.ckpt")))


@pytest.mark.parametrize(("low", "high"), PAIRS)
def test_the_higher_source_wins(low: str, high: str, parse: Parse, request: pytest.FixtureRequest) -> None:
    present = {low, high}
    words: list[str] = []
    if "checkpoint" in present:
        words += ["--ckpt_path", request.getfixturevalue("checkpoint"), "--run_name", "other"]
    for name in ("first", "second"):
        if name in present:
            for key, values in KEYS.items():
                Path(f"{name}.{key}.yaml").write_text(yaml.safe_dump(nested(key, values[name])))
                words += ["--config", f"{name}.{key}.yaml"]
    flags = [f"--{key}={values['flag']}" for key, values in KEYS.items()] if "flag" in present else []
    base = [] if "checkpoint" in present else BASE
    config = parse("fit", *base, *words, *flags)
    for key, values in KEYS.items():
        assert value_at(config, key) == values[high], key


SGD = {"class_path": "torch.optim.SGD", "init_args": {"momentum": 0.5}}
ADAMW = {"class_path": "AdamW", "init_args": {"lr": 0.5, "weight_decay": 0.25}}


@pytest.mark.parametrize("later", [["--model.optimizer", "SGD"], ["--config", "sgd.yaml"]], ids=["flag", "file"])
def test_a_class_named_later_starts_from_its_own_defaults(later: list[str], parse: Parse) -> None:
    Path("adamw.yaml").write_text(yaml.safe_dump({"model": {"optimizer": ADAMW}}))
    Path("sgd.yaml").write_text(yaml.safe_dump({"model": {"optimizer": SGD}}))
    arguments = value_at(parse("fit", *BASE, "--config", "adamw.yaml", *later), "model.optimizer")["init_args"]
    assert (arguments["lr"], arguments["weight_decay"]) == (0.001, 0.0)


def test_the_same_class_named_again_keeps_its_arguments(parse: Parse) -> None:
    Path("adamw.yaml").write_text(yaml.safe_dump({"model": {"optimizer": ADAMW}}))
    arguments = value_at(parse("fit", *BASE, "--config", "adamw.yaml", "--model.optimizer", "AdamW"), "model.optimizer")
    assert arguments["init_args"]["weight_decay"] == 0.25


RECIPE = {
    "class_path": "ImageClassifier",
    "init_args": {"optimizer": ADAMW, "network": {"class_path": "LeNet", "init_args": {"width": 3}}, "compile": True},
}
STUDENT = {"class_path": "DistilledClassifier", "init_args": {"alpha": 0.25}}
TEACHER = ["--model.teacher", "CheckpointTeacher", "--model.teacher.ckpt_path", "teacher.ckpt"]


@pytest.mark.parametrize(
    "later", [["--model", "DistilledClassifier", "--model.alpha", "0.25"], ["--config", "student.yaml"]]
)
def test_a_model_named_later_keeps_the_parts_of_the_one_before(later: list[str], parse: Parse) -> None:
    Path("recipe.yaml").write_text(yaml.safe_dump({"data": {"class_path": "Digits"}, "model": RECIPE}))
    Path("student.yaml").write_text(yaml.safe_dump({"model": STUDENT}))
    config = parse("fit", "--config", "recipe.yaml", *later, *TEACHER, "--model.network.width", "7")
    assert config["model"]["class_path"].endswith(".DistilledClassifier")
    for key, value in {"network.width": 7, "optimizer.weight_decay": 0.25, "compile": True, "alpha": 0.25}.items():
        assert value_at(config, f"model.{key}") == value


@pytest.mark.parametrize("words", [BASE, ["--config", "recipe.yaml"]], ids=["flags", "file"])
def test_a_model_named_later_has_its_own_defaults(words: list[str], parse: Parse) -> None:
    Path("recipe.yaml").write_text(yaml.safe_dump({"data": {"class_path": "Digits"}, "model": RECIPE}))
    config = parse("fit", *words, "--model", "MultiLabelClassifier")
    assert value_at(config, "model.criterion")["class_path"].endswith(".BCEWithLogitsLoss")


def test_a_model_named_later_has_no_arguments_that_it_does_not_take(parse: Parse) -> None:
    model = {**RECIPE, **STUDENT, "init_args": {**RECIPE["init_args"], "alpha": 0.25}}
    Path("student.yaml").write_text(yaml.safe_dump({"data": {"class_path": "Digits"}, "model": model}))
    arguments = parse("fit", "--config", "student.yaml", "--model", "ImageClassifier")["model"]["init_args"]
    assert arguments["compile"]
    assert not {"alpha", "teacher", "temperature"} & set(arguments)


def test_callbacks_of_a_later_file_replace_and_append(parse: Parse) -> None:
    for name, content in {
        "first": {"trainer": {"callbacks": [{"class_path": "Timer"}]}},
        "replace": {"trainer": {"callbacks": [{"class_path": "RichProgressBar"}]}},
        "append": {"trainer": {"callbacks+": [{"class_path": "RichProgressBar"}]}},
    }.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump(content))

    def callbacks(*words: str) -> list[str]:
        found = parse("fit", *BASE, "--config", "first.yaml", *words)["trainer"]["callbacks"]
        return [callback["class_path"].rsplit(".", 1)[-1] for callback in found]

    assert callbacks("--config", "replace.yaml") == ["RichProgressBar"]
    assert callbacks("--config", "append.yaml") == ["Timer", "RichProgressBar"]
    assert callbacks("--trainer.callbacks+=RichProgressBar") == ["Timer", "RichProgressBar"]


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["--trainer.max_epochs=3", "--config", "recipe.yaml"], "trainer.max_epochs", 3),
        (["--trainer.max_epochs", "3", "-c", "recipe.yaml"], "trainer.max_epochs", 3),
        (["--data.batch_size", "5", "--config=recipe.yaml"], "data.batch_size", 5),
        (["--config", "recipe.yaml", "--data.batch_size", "5", "--data", "Digits"], "data.batch_size", 5),
        (["--data.image_size", "[9, 8]", "--data", "Digits", "--config", "recipe.yaml"], "data.image_size", [9, 8]),
        (
            ["--model.network.width", "7", "--config", "recipe.yaml", "--model.network", "LeNet"],
            "model.network.width",
            7,
        ),
        (
            ["--model.optimizer.momentum=0.5", "--config=recipe.yaml", "--model.optimizer=SGD"],
            "model.optimizer.momentum",
            0.5,
        ),
        (
            ["--config=recipe.yaml", "--trainer=short.yaml", "--trainer.max_epochs=3", "--trainer=long.yaml"],
            "trainer.max_epochs",
            3,
        ),
        (
            ["--config=recipe.yaml", "--trainer=short.yaml", "--trainer.max_epochs=3", "--trainer=long.yaml"],
            "trainer.min_epochs",
            8,
        ),
    ],
)
def test_a_flag_holds_wherever_it_stands(parse: Parse, words: list[str], key: str, value: Any) -> None:
    network = {"class_path": "MLP", "init_args": {"in_features": 64}}
    recipe = {
        "trainer": {"max_epochs": 9},
        "data": {"class_path": "Digits", "init_args": {"batch_size": 9}},
        "model": {"network": network, "optimizer": {"class_path": "Adam"}},
    }
    arguments = {"data": {"init_args": {"batch_size": 3}}, "model": {"network": {"init_args": {"width": 7}}}}
    Path("recipe.yaml").write_text(yaml.safe_dump(recipe))
    Path("short.yaml").write_text("{max_epochs: 1, min_epochs: 1}")
    Path("long.yaml").write_text("{max_epochs: 9, min_epochs: 8}")
    Path("batch.yaml").write_text("data: {init_args: {batch_size: 3}}")
    Path("arguments.yaml").write_text(yaml.safe_dump(arguments))
    assert value_at(parse("fit", *words), key) == value


def test_paths_in_a_config_are_relative_to_the_current_directory(parse: Parse, class_folders: Path) -> None:
    Path("elsewhere").mkdir()
    config = {"data": {"class_path": "ImageFolder", "init_args": {"root": "images"}}, "runs_dir": "results"}
    Path("elsewhere/recipe.yaml").write_text(yaml.safe_dump(config))
    model = ["--model.network=LeNet", "--model.network.in_channels=3", "--model.optimizer=Adam", "--data.image_size=32"]
    parsed = parse("fit", "--config", "elsewhere/recipe.yaml", *model)
    assert value_at(parsed, "data.root") == "images"
    main(["fit", "--config", "elsewhere/recipe.yaml", *model, *ONE_BATCH])
    assert len(list(Path("results/recipe").iterdir())) == 1


def test_a_callback_that_is_appended_keeps_the_arguments_that_follow_it(parse: Parse) -> None:
    words = ["--trainer.callbacks+=LearningRateMonitor", "--trainer.callbacks.logging_interval=step"]
    words += ["--trainer.callbacks+=RichProgressBar", "--trainer.callbacks.refresh_rate=3"]
    first, second = parse("fit", *words, *BASE)["trainer"]["callbacks"]
    assert first["init_args"]["logging_interval"] == "step"
    assert second["init_args"]["refresh_rate"] == 3


def test_abstract_numbers_survive_the_printed_config(parse: Parse) -> None:
    transform = '[{"class_path": "RandomAffine", "init_args": {"degrees": 9, "translate": [0.1, 0.1]}}]'
    (affine,) = value_at(parse("fit", *BASE, "--data.train_transform", transform), "data.train_transform")
    assert affine["init_args"]["degrees"] == 9


@pytest.mark.parametrize(("given", "degrees"), [("10", 10), ("-7.5", -7.5), ("1e1", 10.0), ("[-10,5]", [-10, 5])])
def test_an_angle_is_a_number_or_two_as_a_flag(given: str, degrees: object, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data.train_transform+=RandomRotation", f"--data.train_transform.degrees={given}"]
    with pytest.raises(SystemExit, match="0"):
        main(["fit", *SMALL, *words, "--print_config"])
    (rotation,) = yaml.safe_load(capsys.readouterr().out)["data"]["init_args"]["train_transform"]
    assert rotation["init_args"]["degrees"] == degrees


@pytest.mark.parametrize("key", ["model.network.weights", "model.init_from", "data.path", "checkpoint.dirpath"])
def test_null_on_the_command_line_is_no_text(parse: Parse, key: str) -> None:
    network = ["--model.network", "TorchvisionNetwork", "--model.network.name", "resnet18"]
    words = ["fit", "--data", "Digits", *network, "--model.optimizer", "Adam"]
    assert value_at(parse(*words, f"--{key}", "a.pth"), key) == "a.pth"
    assert value_at(parse(*words, f"--{key}", "a.pth", f"--{key}", "null"), key) is None
