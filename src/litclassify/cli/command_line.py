"""The words of a command line, before they are parsed."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import yaml

from litclassify.cli.checkpoints import Checkpoint, read_checkpoint, read_run_config, resolve_checkpoint
from litclassify.cli.config_lines import find_line
from litclassify.cli.environment_variables import variable_of
from litclassify.errors import UserError

CONFIG_FLAGS = ("--config", "-c")
CLASS_FLAGS = ("--data", *(f"--model.{name}" for name in ("network", "criterion", "optimizer", "lr_scheduler")))
NEEDS_CHECKPOINT = ("validate", "test", "predict")


class CommandLine:
    """What must be known of a command line before the parser sees it: the checkpoint.

    Precedence is class defaults, then the checkpoint's own arguments, then `--config` files in order, then environment
    variables, then flags. The parser reads from left to right, so the words are put in that order: a flag holds
    wherever it was typed.

    Args:
        words: The words after the program's name; the subcommand comes first.
        from_environment: Flags that environment variables stand for; typed ones overrule them.
    """

    def __init__(self, words: list[str], from_environment: Sequence[str] = ()) -> None:
        self.words = in_order_of_precedence([*words[:1], *from_environment, *words[1:]])

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint named by `--ckpt_path` or in a config file; None without one.

        Raises:
            UserError: It is missing or cannot be read, or the subcommand cannot do without.
        """
        given = self._last_value("ckpt_path")
        if self._asks_for_help():
            return None
        if given is None:
            self._check_needs_none()
            return None
        runs_dir = Path(self._last_value("runs_dir") or "runs")
        return read_checkpoint(resolve_checkpoint(given, runs_dir))

    def words_with_checkpoint(self) -> list[str]:
        """Give the words with the checkpoint's configuration first and its resolved path last.

        A `fit` that resumes a run has all of that run's settings, not just those of model and data.
        """
        if self.checkpoint is None:
            return self.words
        configs = [self.checkpoint.config]
        if self.words[0] == "fit":
            configs.insert(0, read_run_config(self.checkpoint.path))
        first = [word for config in configs if config for word in ("--config", json.dumps(config))]
        return [self.words[0], *first, *self.words[1:], "--ckpt_path", str(self.checkpoint.path)]

    def located(self, text: str, key: str) -> str:
        """Add to a message about a key where it stands, unless that is a flag: file and line, or the variable."""
        flags = [word.split("=", 1)[0].removesuffix("+").lstrip("-") for word in self.words if word.startswith("--")]
        if any(flag == key or flag.startswith(f"{key}.") for flag in flags):
            variable = variable_of(key)
            return text if variable is None else f"{text}\nIt comes from the environment variable {variable}."
        for file in reversed(self.config_files):
            line = find_line(file, key)
            if line is not None:
                head, *rest = text.split("\n")
                return "\n".join([head, *rest, f"It stands in {file}, line {line}."])
        return text

    @property
    def config_files(self) -> list[Path]:
        """The files of `--config`, in order."""
        return [Path(file) for flag in CONFIG_FLAGS for file in self._values_of(flag)]

    @property
    def names_a_run(self) -> bool:
        """Whether the user says where the run shall lie."""
        return self._last_value("run_name") is not None or self._last_value("runs_dir") is not None

    def _check_needs_none(self) -> None:
        if self.words and self.words[0] in NEEDS_CHECKPOINT:
            raise UserError(
                f"{self.words[0]} needs a trained model: give --ckpt_path FILE, the directory of a run, best or last."
            )

    def _asks_for_help(self) -> bool:
        return any(word in ("-h", "--help") or word.startswith("--print_config") for word in self.words)

    def _last_value(self, name: str) -> str | None:
        """Give the value of a top-level argument: the last flag, else that of the last config file with one."""
        flags = self._values_of(f"--{name}")
        if flags:
            return flags[-1]
        values = [_top_level_value(file, name) for file in self.config_files]
        return next((value for value in reversed(values) if value is not None), None)

    def _values_of(self, flag: str) -> list[str]:
        following = [value for word, value in zip(self.words, self.words[1:], strict=False) if word == flag]
        return following + [word.removeprefix(f"{flag}=") for word in self.words if word.startswith(f"{flag}=")]


def in_order_of_precedence(words: list[str]) -> list[str]:
    """Give the words with config files first, then flags, a class before its arguments.

    `--data.batch_size 32 --data MNIST` is the same as `--data MNIST --data.batch_size 32`: read from left to right,
    naming the class would drop the argument in silence. A flag that names a class comes before the config files too,
    for one that holds nothing but arguments of that class.
    """
    subcommand, flags = words[:1], _flags(words[1:])
    configs = [flag for flag in flags if _name(flag) in CONFIG_FLAGS]
    ordered: list[list[str]] = []
    for flag in flags:
        if flag not in configs:
            ordered = _without_replaced(flag, ordered)
            ordered.insert(_place(flag, ordered), flag)
    classes = [flag for flag in ordered if _name(flag) in CLASS_FLAGS]
    return [*subcommand, *(word for flag in (*classes, *configs, *ordered) for word in flag)]


def _flags(words: list[str]) -> list[list[str]]:
    """Group words into flags, each with its values."""
    flags: list[list[str]] = []
    for word in words:
        if word.startswith("--") or word in CONFIG_FLAGS or not flags:
            flags.append([word])
        else:
            flags[-1].append(word)
    return flags


def _name(flag: list[str]) -> str:
    return flag[0].split("=", 1)[0]


def _without_replaced(flag: list[str], earlier: list[list[str]]) -> list[list[str]]:
    """Leave out the class that a flag replaces, with the arguments that were for it."""
    name = _name(flag)
    replaced = [other for other in earlier if _name(other) == name and other != flag]
    if name not in CLASS_FLAGS or not replaced:
        return earlier
    return [other for other in earlier if other not in replaced and not _name(other).startswith(f"{name}.")]


def _place(flag: list[str], earlier: list[list[str]]) -> int:
    """Give where a flag goes: before the first argument of what it names, else last.

    A flag that appends (`--trainer.callbacks+=X`) belongs to the arguments that follow it, and stays.
    """
    arguments = [i for i, other in enumerate(earlier) if _name(other).startswith(f"{_name(flag)}.")]
    named_before = any(_name(other).removesuffix("+") == _name(flag) for other in earlier)
    return arguments[0] if arguments and not named_before else len(earlier)


def _top_level_value(file: Path, name: str) -> str | None:
    """Give a value of a config file; None if there is none, or no readable file, which the parser will report."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise UserError(f"--config {file} is no valid YAML{place}: {error.problem}.") from error
    value = content.get(name) if isinstance(content, dict) else None
    return None if value is None else str(value)
