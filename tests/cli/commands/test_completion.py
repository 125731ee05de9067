"""The completion scripts, run by the shells that they are for."""

import io
import re
import shutil
import subprocess
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from litclassify.cli import main
from litclassify.cli.commands.completion import COMMAND_OPTIONS

BASH = r"""
source "$1"; shift; function=$1; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
"$function"
printf '%s\n' "${COMPREPLY[@]}"
"""
# What zsh calls while it completes, in place of a terminal.
ZSH = r"""
compdef() { }
compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@"; }
compset() { }
_files() { print files; }
source "$1"; shift; function=$1; shift
words=("$@"); CURRENT=$#
$function
"""
CASES = [
    ("", "fit"),
    ("co", "completion"),
    ("fit --data.b", "--data.batch_size"),
    ("fit --data Di", "Digits"),
    ("fit --data.help Di", "Digits"),
    ("fit --model.network.w", "--model.network.width"),
    ("fit --model.network Le", "LeNet"),
    ("fit --model.optimizer Adam", "AdamW"),
    ("fit --model.lr_scheduler Warm", "WarmupCosine"),
    ("fit --model.lr_interval e", "epoch"),
    ("fit --trainer.max_epochs 3 --trainer.precision bf", "bf16-mixed"),
    ("fit --test_after_fit t", "true"),
    ("fit --early_stopping n", "null"),
    ("fit --trainer.callbacks+", "--trainer.callbacks+"),
    ("predict --out", "--output"),
    ("config c", "check"),
    ("completion z", "zsh"),
    ("runs --sort val_a", "val_acc"),
    ("fit --ckpt_path b", "best"),
]
OURS = "from litclassify.cli import main\n"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh"):
        with redirect_stdout(io.StringIO()) as printed:
            main(["completion", shell])
        (folder / shell).write_text(printed.getvalue())
    return folder


def complete(shell: str, scripts: Path, function: str, words: list[str]) -> list[str]:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    plain = ["--norc"] if shell == "bash" else ["-f"]
    command = [program, *plain, "-c", BASH if shell == "bash" else ZSH, shell, str(scripts / shell), function, *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(("line", "expected"), CASES)
def test_words_are_completed(shell: str, line: str, expected: str, scripts: Path) -> None:
    Path("main.py").write_text(OURS)
    words = line.split(" ")
    assert expected in complete(shell, scripts, "_litclassify", ["litclassify", *words])
    assert expected in complete(shell, scripts, "_litclassify_python", ["python", "main.py", *words])


def test_bash_offers_only_what_begins_alike(scripts: Path) -> None:
    assert complete("bash", scripts, "_litclassify", ["litclassify", "fit", "--data.b"]) == ["--data.batch_size"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_keys_are_offered_level_by_level(shell: str, scripts: Path) -> None:
    top = complete(shell, scripts, "_litclassify", ["litclassify", "fit", "--"])
    assert {"--data", "--model", "--trainer", "--run_name"} <= set(top)
    assert [word for word in top if "." in word] == []
    below = complete(shell, scripts, "_litclassify", ["litclassify", "fit", "--model."])
    assert {"--model.network", "--model.help"} <= set(below)
    assert [word for word in below if word.count(".") > 1] == []


@pytest.mark.parametrize(
    ("option", "code"), [("--model", 0), ("--model.network", 0), ("--model.network.width", 1), ("--run_name", 1)]
)
def test_no_space_follows_where_a_dot_may(option: str, code: int, scripts: Path) -> None:
    script = f"source {scripts / 'bash'}; _litclassify_is_section {option}"
    assert subprocess.run(["bash", "--norc", "-c", script], check=False).returncode == code


@pytest.mark.parametrize("words", [["--trainer.precision", "=", "bf16-m"], ["--trainer.precision", "="]])
def test_bash_completes_a_value_after_an_equals_sign(words: list[str], scripts: Path) -> None:
    assert "bf16-mixed" in complete("bash", scripts, "_litclassify", ["litclassify", "fit", *words])


def test_zsh_completes_a_value_after_an_equals_sign(scripts: Path) -> None:
    words = ["litclassify", "fit", "--trainer.precision=bf16-m"]
    assert "bf16-mixed" in complete("zsh", scripts, "_litclassify", words)


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "--config", "con"],
        ["fit", "--data.batch_size", ""],
        ["fit", "--model.init_from", ""],
        ["config", "diff", "c"],
        ["config", "check", "a.yaml", ""],
    ],
)
def test_what_has_no_known_values_is_left_to_file_names(words: list[str], scripts: Path) -> None:
    assert complete("bash", scripts, "_litclassify", ["litclassify", *words]) == []
    assert complete("zsh", scripts, "_litclassify", ["litclassify", *words]) == ["files"]


@pytest.mark.parametrize("program", ["other.py", "main.py", "missing/main.py"])
def test_other_python_programs_are_left_alone(program: str, scripts: Path) -> None:
    Path("main.py").write_text("print('of another project')\n")
    assert complete("bash", scripts, "_litclassify_python", ["python", program, ""]) == []
    assert complete("zsh", scripts, "_litclassify_python", ["python", program, ""]) == ["files"]


@pytest.mark.parametrize("command", COMMAND_OPTIONS)
def test_options_of_a_command_are_those_of_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    found = re.findall(r"^  (?:-\w, )?(--\w+)", capsys.readouterr().out, re.MULTILINE)
    assert found == ["--help", *COMMAND_OPTIONS[command]]


def test_an_earlier_completion_of_python_goes_on_to_work(scripts: Path) -> None:
    script = f"""
    _mine() {{ COMPREPLY=(mine); }}; complete -F _mine python
    source {scripts / "bash"}; source {scripts / "bash"}
    COMP_WORDS=(python other.py ""); COMP_CWORD=2; _litclassify_python; echo "${{COMPREPLY[*]}}"
    """
    result = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["mine"]


@pytest.mark.parametrize("words", [["fish"], []])
def test_another_shell_ends_with_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["completion", *words])
    assert stop.value.code == 2
    assert "{bash,zsh}" in capsys.readouterr().err
