"""What a command says when it has ended."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import SMALL, every

from litclassify.cli import main
from litclassify.cli.runs.invocation import shell_command

Fit = Callable[..., Path]
# Nothing improves without learning, so that early stopping has its way.
STUCK = ["--model.optimizer.lr", "0", "--trainer.max_epochs", "9", "--early_stopping.patience", "2"]


@pytest.fixture
def printed(fit: Fit, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Run `fit`; gives the lines that it printed."""

    def run(*words: str) -> list[str]:
        capsys.readouterr()
        fit(*words)
        return capsys.readouterr().out.splitlines()

    return run


def starting(lines: list[str], start: str) -> list[str]:
    return [line for line in lines if line.startswith(start)]


@pytest.mark.slow
def test_metrics_of_test_stand_with_four_decimals(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit()
    capsys.readouterr()
    main(["test", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])
    lines = capsys.readouterr().out.splitlines()
    exact = json.loads((run / "metrics.json").read_text())
    assert {line.split()[0]: line.split()[1] for line in lines if line.startswith("test_")} == {
        name: f"{value:.4f}" for name, value in exact.items()
    }
    assert exact["test_loss"] != round(exact["test_loss"], 4)


@pytest.mark.parametrize("command", every(2, ["test", "validate"]))
def test_verbose_false_prints_no_metrics(command: str, fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit()
    capsys.readouterr()
    main([command, "--ckpt_path", str(run), "--verbose", "false", "--trainer.enable_progress_bar", "false"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Digits: ")  # What is evaluated is not a metric.


def test_summary_gives_the_test_result_if_there_is_one(printed: Callable[..., list[str]]) -> None:
    assert starting(printed(), "test_") == []
    (line,) = starting(printed("--test_after_fit", "true"), "test_acc ")
    (metrics,) = Path("runs").glob("*/*/metrics.json")
    assert line.split()[1] == f"{json.loads(metrics.read_text())['test_acc']:.4f}"


def test_what_to_do_next_goes_by_what_was_done(printed: Callable[..., list[str]]) -> None:
    lines = printed()
    assert starting(lines, "report") == starting(lines, "validate it") == []
    assert len(starting(lines, "test it")) == 1
    lines = printed("--test_after_fit", "true")
    assert starting(lines, "test it") == starting(lines, "validate it") == []
    (page,) = Path("runs").glob("*/*/report.html")
    assert rest(lines, "report") == [str(page)]


def test_data_without_a_test_set_are_validated(
    class_folders: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "root").mkdir()
    class_folders.rename(tmp_path / "root/train")
    words = ["--data", "ImageFolder", "--data.root", "root", "--data.image_size", "8", "--data.num_workers", "0"]
    main(["fit", *SMALL, *words, "--model.network.in_features", "192"])
    lines = capsys.readouterr().out.splitlines()
    assert starting(lines, "test it") == []
    (command,) = rest(lines, "validate it")
    (run,) = Path("runs/imagefolder").iterdir()
    assert command == f"litclassify validate --ckpt_path {run}"
    main(["validate", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])


def test_a_test_ends_with_where_its_report_is(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit()
    capsys.readouterr()
    main(["test", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])
    assert rest(capsys.readouterr().out.splitlines(), "report") == [str(run / "report.html")]


def test_early_stopping_says_so_in_a_line(printed: Callable[..., list[str]]) -> None:
    expected = ["Stopped early after epoch 2: val_acc did not improve (patience 2)."]
    assert starting(printed(*STUCK, "--test_after_fit", "true"), "Stopped early") == expected


def test_a_threshold_is_named_as_the_reason(printed: Callable[..., list[str]]) -> None:
    (line,) = starting(printed("--early_stopping.stopping_threshold", "0.1"), "Stopped early")
    assert line.startswith("Stopped early after epoch 0: Stopping threshold reached: val_acc = ")
    assert "Signaling" not in line


def test_a_full_training_is_not_said_to_stop_early(printed: Callable[..., list[str]]) -> None:
    assert starting(printed(), "Stopped early") == []


def test_a_resumed_training_is_not_said_to_stop_for_its_old_reason(printed: Callable[..., list[str]]) -> None:
    assert starting(printed("--early_stopping.stopping_threshold", "0.1"), "Stopped early") != []
    assert (
        starting(printed("--ckpt_path", "last", "--early_stopping.stopping_threshold", "null"), "Stopped early") == []
    )


def test_a_finished_training_that_is_resumed_is_said_to_have_nothing_left(printed: Callable[..., list[str]]) -> None:
    nothing = "Nothing was left to train"
    assert starting(printed("--trainer.max_epochs", "2"), nothing) == []
    assert len(starting(printed("--ckpt_path", "last"), nothing)) == 1
    assert starting(printed("--ckpt_path", "last", "--trainer.max_epochs", "3"), nothing) == []


def rest(lines: list[str], name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in starting(lines, name)]


@pytest.mark.parametrize("spoil", [lambda file: file.write_bytes(b"damaged"), Path.unlink], ids=["damaged", "gone"])
def test_a_training_ends_well_without_a_best_checkpoint_to_read(
    spoil: Callable[[Path], object], printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil_all(run_dir: Path) -> None:
        for file in (run_dir / "checkpoints").iterdir():
            spoil(file)

    assert "(epoch " in rest(printed(), "best val_acc")[0]
    monkeypatch.setattr("litclassify.cli.application.mark_finished", spoil_all)
    (score,) = rest(printed(), "best val_acc")
    assert 0 <= float(score) <= 1


def test_view_it_needs_tensorboard(printed: Callable[..., list[str]]) -> None:
    assert rest(printed(), "view it") == ["tensorboard --logdir runs"]
    assert rest(printed("--trainer.logger", "false"), "view it") == []
    logger = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", "my logs"]
    assert rest(printed(*logger), "view it") == ["tensorboard --logdir 'my logs'"]


def test_brackets_in_a_path_are_no_markup(printed: Callable[..., list[str]]) -> None:
    (line,) = starting(printed("--run_name", "a[bold]b"), "checkpoint")
    assert "a[bold]b" in line


def test_commands_open_the_users_packages_again(
    printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("first.py").touch()
    Path("second.py").touch()
    monkeypatch.setenv("LITCLASSIFY_ALLOW_IMPORT", "second")
    (line,) = starting(printed("--allow_import", "first"), "test it")
    (run,) = Path("runs/digits").iterdir()
    assert line.split(maxsplit=2)[2] == (
        f"litclassify test --allow_import second --allow_import first --ckpt_path {run}"
    )
    assert "--allow_import first" in json.loads((run / "environment.fit.json").read_text())["command"]


@pytest.mark.parametrize(
    ("called", "program", "expected"),
    [
        (["python3", "main.py", "fit"], "main.py", "python3 main.py test"),
        (["python", "-X", "dev", "a b/main.py", "fit"], "a b/main.py", "python -X dev 'a b/main.py' test"),
        (["/venv/bin/python", "/bin/ls", "fit"], "/bin/ls", "ls test"),
        (
            ["/venv/bin/python", "/elsewhere/litclassify", "fit"],
            "/elsewhere/litclassify",
            "/elsewhere/litclassify test",
        ),
        (["python", "other.py", "something"], "other.py", "litclassify test"),
    ],
)
def test_commands_name_the_program_as_it_was_called(
    called: list[str], program: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "orig_argv", called)
    monkeypatch.setattr(sys, "argv", [program, called[-1]])
    assert shell_command(["fit"], ["test"]) == expected


def test_python_is_named_as_the_shell_finds_it_in_a_run_of_a_series_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(python.parent))
    for called, expected in ((str(python), "python main.py test"), ("/other/python", "/other/python main.py test")):
        monkeypatch.setattr(sys, "orig_argv", [called, "main.py", "fit"])
        monkeypatch.setattr(sys, "argv", ["main.py", "fit"])
        assert shell_command(["fit"], ["test"]) == expected
