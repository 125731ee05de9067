"""`config diff` and `config check`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import CONFIGS

from litclassify.cli import main
from litclassify.cli.commands.config_diff import differences

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
    Path("b.yaml").write_text(text + "early_stopping: {patience: 10}\n")
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
    assert differences(a, b) == expected


def test_values_that_end_alike_differ() -> None:
    assert differences({"lr": 0.5}, {"lr": 5}) == [["lr", "0.5", "5"]]
    assert differences({"path": "a.b"}, {"path": "c.b"}) == [["path", "a.b", "c.b"]]


def test_callbacks_are_compared_by_place() -> None:
    a = {"trainer": {"callbacks": [{"class_path": "RichProgressBar"}]}}
    assert differences(a, {"trainer": {"callbacks": None}}) == [
        ["trainer.callbacks.0", "RichProgressBar", "-"],
        ["trainer.callbacks", "-", "null"],
    ]


def test_runs_and_checkpoints_are_compared(fit: Fit, diff: Diff) -> None:
    first, second = fit(), fit("--model.optimizer.lr", "0.02", "--trainer.max_epochs", "1")
    code, rows = diff(first, second)
    assert code == 1
    assert ["model.optimizer.lr", "0.01", "0.02"] in rows
    assert ["trainer.max_epochs", "2", "1"] in rows
    last = [run / "checkpoints" / "last.ckpt" for run in (first, second)]
    assert diff(*last) == (1, [["model.optimizer.lr", "0.01", "0.02"]])
    assert diff(first, last[0]) == (0, [])


def test_fragments_are_compared_as_written(diff: Diff) -> None:
    code, rows = diff(CONFIGS / "trainer" / "cpu.yaml", CONFIGS / "trainer" / "gpu.yaml")
    assert (code, rows) == (1, [["accelerator", "cpu", "gpu"], ["precision", "-", "bf16-mixed"]])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["diff", "nope.yaml", DIGITS], "nope.yaml"),
        (["diff", DIGITS], "required: B"),
        (["diff", "list.yaml", DIGITS], "mapping"),
        (["diff", "broken.yaml", DIGITS], "YAML"),
        (["difff"], "choose from"),
        (["check"], "FILE"),
        ([], "action"),
    ],
)
def test_mistakes_end_with_code_2(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("list.yaml").write_text("[1]")
    Path("broken.yaml").write_text("a: [")
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


@pytest.mark.parametrize("broken", ["trainer: {max_epoch: 3}", "model: {network: LeNett}", "data: {batch_size: many}"])
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
