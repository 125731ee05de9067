"""`config diff` and `config check`."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import yaml
from rich.text import Text
from tests.conftest import CONFIGS, every

from litclassify.cli import main
from litclassify.cli.config.differences import differences

Fit = Callable[..., Path]
DIGITS = str(CONFIGS / "digits.yaml")


@pytest.fixture
def diff(capsys: pytest.CaptureFixture[str]) -> Callable[[object, object], tuple[int, list[list[str]]]]:
    """Run `config diff`; gives the exit code and the cells below the header."""

    def run(a: object, b: object) -> tuple[int, list[list[str]]]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(["config", "diff", str(a), str(b)])
        return int(stop.value.code or 0), [line.split() for line in capsys.readouterr().out.splitlines()[1:]]

    return run


Diff = Callable[[object, object], tuple[int, list[list[str]]]]


def test_equal_configs_print_nothing(diff: Diff) -> None:
    assert diff(DIGITS, DIGITS) == (0, [])


def test_written_defaults_and_long_names_make_no_difference(diff: Diff) -> None:
    text = Path(DIGITS).read_text().replace("class_path: Digits", "class_path: litclassify.data.Digits")
    Path("b.yaml").write_text(text + "runs_dir: runs\n")
    assert diff(DIGITS, "b.yaml") == (0, [])


def test_differences_are_given_by_key_as_typed(diff: Diff) -> None:
    Path("b.yaml").write_text(Path(DIGITS).read_text().replace("width: 16", "width: 8").replace("lr: 0.003", "lr: 0.1"))
    assert diff(DIGITS, "b.yaml") == (1, [["model.network.width", "16", "8"], ["model.optimizer.lr", "0.003", "0.1"]])


def test_an_argument_of_one_class_alone_is_absent_in_the_other() -> None:
    a = {"model": {"network": {"class_path": "LeNet", "init_args": {"width": 3}}}}
    b = {"model": {"network": {"class_path": "MLP", "init_args": {"dropout": 0.1}}}}
    expected = [
        ["model.network", "LeNet", "MLP"],
        ["model.network.width", "3", "-"],
        ["model.network.dropout", "-", "0.1"],
    ]
    assert differences([a, b]) == expected


def test_what_one_class_alone_has_stands_with_that_class() -> None:
    a = {"optimizer": {"class_path": "AdamW", "init_args": {"eps": 1}}, "seed": 1}
    b = {"optimizer": {"class_path": "SGD", "init_args": {"momentum": 2}}, "seed": 2}
    assert [key for key, _, _ in differences([a, b])] == ["optimizer", "optimizer.eps", "optimizer.momentum", "seed"]


@pytest.mark.parametrize("columns", ["60", "80"])
def test_keys_are_whole_on_a_narrow_terminal(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = "class_path: OneCycleLR\n      init_args:\n        max_lr: 0.2"
    text = (CONFIGS / "cifar10.yaml").read_text()
    Path("one_cycle.yaml").write_text(
        re.sub(r"class_path: WarmupPolynomial\s+init_args:\s+warmup: \S+", schedule, text)
    )
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(SystemExit):
        main(["config", "diff", DIGITS, "one_cycle.yaml"])
    lines = Text.from_ansi(capsys.readouterr().out).plain.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert [line for line in lines if line.startswith("model.lr_scheduler.steps_per_epoch ")]


def test_values_that_end_alike_differ() -> None:
    assert differences([{"lr": 0.5}, {"lr": 5}]) == [["lr", "0.5", "5"]]
    assert differences([{"path": "a.b"}, {"path": "c.b"}]) == [["path", "a.b", "c.b"]]


def test_callbacks_are_compared_by_place() -> None:
    a = {"trainer": {"callbacks": [{"class_path": "RichProgressBar"}]}}
    assert differences([a, {"trainer": {"callbacks": None}}]) == [
        ["trainer.callbacks.0", "RichProgressBar", "-"],
        ["trainer.callbacks", "-", "null"],
    ]


@pytest.mark.slow
def test_runs_and_checkpoints_are_compared(fit: Fit, diff: Diff) -> None:
    first, second = fit(), fit("--model.optimizer.lr", "0.02", "--trainer.max_epochs", "1")
    code, rows = diff(first, second)
    assert code == 1
    assert ["model.optimizer.lr", "0.01", "0.02"] in rows
    assert ["trainer.max_epochs", "2", "1"] in rows
    last = [run / "checkpoints" / "last.ckpt" for run in (first, second)]
    assert diff(*last) == (1, [["model.optimizer.lr", "0.01", "0.02"]])
    assert diff(first, last[0]) == (0, [])
    main(["config", "check", str(first)])


def test_fragments_are_compared_as_written(diff: Diff) -> None:
    code, rows = diff(CONFIGS / "trainer" / "cpu.yaml", CONFIGS / "trainer" / "gpu.yaml")
    assert (code, rows) == (1, [["accelerator", "cpu", "gpu"], ["precision", "-", "bf16-mixed"]])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["diff", "nope.yaml", DIGITS], "nope.yaml"),
        (["diff", DIGITS], "Missing: B."),
        (["diff", "list.yaml", DIGITS], "mapping"),
        (["diff", "broken.yaml", DIGITS], "YAML"),
        (["difff"], "choose from"),
        (["diff", str(CONFIGS / "trainer" / "cpu.yaml"), DIGITS], "is not a complete config"),
        (["check"], "Missing: FILE.\n  Usage: python main.py config check"),
        (["check", "--config", "a.yaml", "--config=b c.yaml"], "without --config: config check a.yaml 'b c.yaml'"),
        ([], "Missing: diff or check."),
        (["dif"], "There is no 'dif' here: choose from diff, check. Did you mean 'diff'?"),
        (["check", "nope.yaml"], "There is no file 'nope.yaml'"),
        (["check", "list.yaml"], "mapping"),
        (["check", "broken.yaml"], "not valid YAML, line 1, column 5"),
        (["check", "binary.ckpt"], "cannot be read as text"),
    ],
)
def test_mistakes_end_with_code_2(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("list.yaml").write_text("[1]")
    Path("broken.yaml").write_text("a: [")
    Path("binary.ckpt").write_bytes(b"\x80\x00")
    with pytest.raises(SystemExit) as stop:
        main(["config", *words])
    assert stop.value.code == 2
    assert expected in capsys.readouterr().err


def test_check_prints_ok_and_runs_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["config", "check", DIGITS])
    assert capsys.readouterr().out == "ok\n"
    assert list(tmp_path.iterdir()) == []


def test_check_reads_files_together(capsys: pytest.CaptureFixture[str]) -> None:
    Path("extra.yaml").write_text("data: {batch_size: 8}\n")
    main(["config", "check", DIGITS, "extra.yaml"])
    assert capsys.readouterr().out == "ok\n"
    with pytest.raises(SystemExit):
        main(["config", "check", "extra.yaml"])


@pytest.mark.parametrize(
    "broken",
    every(
        3,
        [
            "trainer: {max_epoch: 3}",
            "model: {network: LeNett}",
            "data: {batch_size: many}",
            "model: {lr_scheduler: {warmup: 3}}",
            "model: {optimizer: {lr: -1}}",
            "model: {network: {width: -1}}",
            "early_stopping: {mode: highest}",
        ],
    ),
)
def test_check_says_what_fit_says(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.yaml").write_text(broken)
    files = [DIGITS, "broken.yaml"]
    messages = []
    for words in (["config", "check", *files], ["fit", *(word for file in files for word in ("--config", file))]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2
        messages.append(capsys.readouterr().err)
    assert messages[0] == messages[1]
    assert "broken.yaml, line 1" in messages[0]


REFUSED = {
    "model: {network: {width: -1}}": "model.network: Trying to create tensor with negative dimension",
    "model: {network: {class_path: MLP, init_args: {in_features: 63}}}": "the data gives 64 (1x8x8)",
    "model: {network: {class_path: MLP, init_args: {in_features: 64, dropout: 2}}}": "model.network: dropout",
    "model: {network: torchvision.models.resnet18}": "takes 3-channel images",
    "model: {network: {class_path: TorchvisionNetwork, init_args: {name: resnet81}}}": "Did you mean 'resnet18'?",
    "model: {optimizer: {lr: -1}}": "model.optimizer: Invalid learning rate: -1",
    "model: {lr_scheduler: {warmup: 3}}": "warmup must be at least 0",
    "data: {train_transform: [RandomCropp]}": "Did you mean 'RandomCrop'?",
    "data: {train_transform: [{class_path: RandomErasing, init_args: {p: 3}}]}": "data.train_transform.0: `p` should",
    "data: {batch_size: 0}": "at least 1, got 0",
    "early_stopping: {mode: highest}": "early_stopping: `mode` can be",
    "checkpoint: {save_top_k: -9}": "checkpoint: Invalid value for save_top_k",
    "trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitor: a, mode: b}}]}": "callbacks.0: `mode`",
}


@pytest.mark.parametrize(("broken", "expected"), REFUSED.items())
def test_check_sees_what_a_class_refuses_when_it_is_built(
    broken: str, expected: str, mistake: Callable[..., str]
) -> None:
    Path("broken.yaml").write_text(broken)
    message = mistake("config", "check", DIGITS, "broken.yaml")
    assert expected in message
    if not expected.startswith(("EarlyStopping", "data.train_transform.0")):
        assert "broken.yaml, line 1" in message


@pytest.mark.parametrize(
    "harmless",
    [
        "trainer: {accelerator: gpu, devices: 8, strategy: ddp, precision: bf16-mixed}",
        "data: {class_path: ImageFolder, init_args: {root: elsewhere}}\nmodel: {network: {in_channels: 3}}",
        "data: {class_path: CIFAR10, init_args: {root: elsewhere}}\nmodel: {network: {in_channels: 3}}",
        "trainer: {logger: {class_path: TensorBoardLogger, init_args: {save_dir: logs}}}",
        "find_batch_size: true\nfind_lr: true",
    ],
)
def test_check_needs_no_data_and_no_device(harmless: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Path("more.yaml").write_text(harmless)
    main(["config", "check", DIGITS, "more.yaml"])
    assert capsys.readouterr().out == "ok\n"
    assert [path.name for path in tmp_path.iterdir()] == ["more.yaml"]


@pytest.mark.parametrize("network", ["TorchvisionNetwork", "torchvision.models.resnet18"])
def test_check_fetches_no_weights(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda url, *_, **__: asked.append(url))
    monkeypatch.setenv("TORCH_HOME", "cache")
    name = {"name": "resnet18", "in_channels": 1} if network == "TorchvisionNetwork" else {}
    config = {"model": {"network": {"class_path": network, "init_args": {**name, "weights": "DEFAULT"}}}}
    Path("weights.yaml").write_text(yaml.safe_dump(config))
    with suppress(SystemExit):  # The function gives a network for three channels alone.
        main(["config", "check", DIGITS, "weights.yaml"])
    assert asked == []


def test_check_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(1)
    main(["config", "check", DIGITS])
    assert torch.initial_seed() == 1
