"""The words of a command line, before they are parsed."""

import json
from functools import cached_property
from pathlib import Path

import yaml

from litclassify.cli.checkpoints import Checkpoint, read_checkpoint, read_run_config, resolve_checkpoint
from litclassify.cli.config_lines import find_line
from litclassify.errors import UserError

NEEDS_CHECKPOINT = ("validate", "test", "predict")


class CommandLine:
    """What must be known of a command line before the parser sees it: the checkpoint.

    Precedence is class defaults, then the checkpoint's own arguments, then `--config` files in order, then flags. The
    parser reads from left to right, so the checkpoint's arguments go in right after the subcommand.

    Args:
        words: The words after the program's name; the subcommand comes first.
    """

    def __init__(self, words: list[str]) -> None:
        self.words = words

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
        """Add file and line to a message about a key, if the key stands in a config file and not in a flag."""
        flags = [word.split("=", 1)[0].removesuffix("+").lstrip("-") for word in self.words if word.startswith("--")]
        if any(flag == key or flag.startswith(f"{key}.") for flag in flags):
            return text
        for file in reversed(self.config_files):
            line = find_line(file, key)
            if line is not None:
                head, *rest = text.split("\n")
                return "\n".join([head, *rest, f"It stands in {file}, line {line}."])
        return text

    @property
    def config_files(self) -> list[Path]:
        """The files of `--config`, in order."""
        return [Path(file) for file in (*self._values_of("--config"), *self._values_of("-c"))]

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
