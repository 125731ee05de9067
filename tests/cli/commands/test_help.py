"""`--help`."""

import pytest
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from litclassify.cli import main
from litclassify.cli.command_names import COMMANDS, SUBCOMMANDS
from litclassify.cli.commands.help import FIT_ONLY, GROUPS, PREDICT_ONLY
from litclassify.cli.config.classes import arguments
from litclassify.cli.dry_run import subcommand_parsers
from litclassify.data import Digits, ImageFolder
from litclassify.models import ImageClassifier


def printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code in (0, None)
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--help=all"]])
def test_help_has_a_line_for_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(words)
    lines = capsys.readouterr().out.splitlines()
    for name, text in {**SUBCOMMANDS, **COMMANDS}.items():
        assert [line for line in lines if line.split() == [name, *text.split()]]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_fit_is_short(flag: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    main(["fit", flag])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    for key in ("--data.batch_size", "--model.optimizer", "--trainer.max_epochs", "--runs_dir", "--early_stopping"):
        assert key in text
    assert "ResNet9" in text
    for default in ("images (10)", "device (64)", "keep (5)", "that of the model (auto)", "end training (10)"):
        assert default in " ".join(text.split())


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_every_key_of_the_help_exists(subcommand: str) -> None:
    of_classes = {
        f"--{section}.{action.dest}"
        for section, cls in [
            *[("data", cls) for cls in (Digits, ImageFolder)],
            *[("model", ImageClassifier), ("checkpoint", ModelCheckpoint), ("early_stopping", EarlyStopping)],
        ]
        for action in arguments(cls, frozenset())
    }
    known = {*subcommand_parsers()[subcommand]._option_string_actions, *of_classes, "--allow_import"}
    others = (FIT_ONLY if subcommand != "fit" else set()) | (PREDICT_ONLY if subcommand != "predict" else set())
    offered = {key for group in GROUPS.values() for key in group} - others
    assert offered - known == set()


@pytest.mark.parametrize("subcommand", ["validate", "test", "predict"])
def test_help_of_the_others_leaves_training_out(subcommand: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([subcommand, "--help"])
    text = capsys.readouterr().out
    for key in ("--early_stopping.patience", "--model.optimizer", "--trainer.max_epochs", "--test_after_fit"):
        assert key not in text
    for key in ("--output", "--data.path"):
        assert (key in text) == (subcommand == "predict")


def test_all_of_the_help_is_the_parsers_own(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(["fit", "--help=all"], capsys)
    assert "--trainer.reload_dataloaders_every_n_epochs" in text
    assert len(text.splitlines()) > 300
    assert "  class_names(data) --> model.init_args.class_names" in text
    assert max(map(len, text.splitlines())) < 130


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fit", "--data.help", "Digits"], "--data.batch_size"),
        (["fit", "--model.network.help", "LeNet"], "--model.init_args.network.width"),
        (["fit", "--model.optimizer.help", "SGD"], "momentum"),
    ],
)
def test_help_of_a_class_goes_on_to_work(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected.rsplit(".", maxsplit=1)[-1] in printed(words, capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_a_help_of_their_own(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"python main.py {command}" in printed([command, "--help"], capsys)


@pytest.mark.parametrize("words", [["fitt"], []])
def test_what_is_no_command_is_told_all_commands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert [name for name in (*SUBCOMMANDS, *COMMANDS) if name not in message] == []


def test_a_signature_that_cannot_be_read_is_told_from_one_without_arguments() -> None:
    with pytest.raises(ValueError, match="unsupported"):
        list(arguments(type("Odd", (), {"__init__": None}), frozenset()))
    assert list(arguments(type("Plain", (), {}), frozenset())) == []
