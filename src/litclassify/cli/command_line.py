"""The words of a command line, before they are parsed."""

import json
import os.path
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from litclassify.cli.checkpoints.checkpoint import Checkpoint, read_checkpoint, read_run_config
from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.cli.config.files import Config, read_config
from litclassify.cli.config.keys import as_typed, beside_class_path, flatten
from litclassify.cli.config.lines import find_line
from litclassify.cli.config.published import PUBLISHED
from litclassify.cli.flags import CLASSES, Flag, group_words, in_order_of_precedence
from litclassify.cli.parsing.environment_variables import variable_of
from litclassify.cli.parsing.stray_words import flag_for
from litclassify.cli.runs.directory import OF_NEWEST_RUN, place_of_runs
from litclassify.errors import UserError
from litclassify.suggestions import nearest

ARGUMENTS_OF_CLASSES = tuple(f"{name}." for name in CLASSES)
# A key of a config, as messages name it.
KEY = re.compile(r"\b(?:data|model|trainer|checkpoint|early_stopping)(?:\.\w+)+")
PLACES_OF_RUNS = ("run_name", "runs_dir")
NEEDS_CHECKPOINT = ("validate", "test", "predict")


class CommandLine:
    """What must be known of a command line before the parser sees it: the checkpoint.

    Precedence is class defaults, then the checkpoint's own arguments, then `--config` files in order, then environment
    variables, then flags. The parser reads from left to right, so the words are put in that order: a flag holds
    wherever it was typed.

    Args:
        words: The words after the program's name; the subcommand comes first.
        from_environment: Flags that environment variables stand for; typed ones overrule them.
        passed_over: Keys of config files that another subcommand has, and this one has not.
        command: What was typed in place of the subcommand; None for the same.
    """

    is_whole = False

    def __init__(
        self,
        words: list[str],
        from_environment: Sequence[str] = (),
        passed_over: Collection[str] = (),
        command: str | None = None,
    ) -> None:
        self.subcommand = words[:1]
        self.command = command or next(iter(words), "")
        self.flags = in_order_of_precedence(group_words([*from_environment, *words[1:]]))
        self._typed = group_words(words[1:])
        self._passed_over = frozenset(passed_over)

    def resuming(self, checkpoint: str) -> "CommandLine":
        """Give the command line with a checkpoint for a training that it describes in full, as the one before it."""
        resuming = CommandLine([*self.words, "--ckpt_path", checkpoint])
        resuming.is_whole = True
        return resuming

    @property
    def words(self) -> list[str]:
        """The words in order of precedence."""
        return [*self.subcommand, *(word for flag in self.flags for word in flag.words)]

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint named by `--ckpt_path` or in a config file; None without one.

        Raises:
            UserError: It is missing or cannot be read, or the subcommand cannot do without.
        """
        given = self.ckpt_path
        if self.asks_for_help:
            return None
        if given is None:
            self._refuse_without_checkpoint()
            return None
        if self.subcommand == ["fit"] and given not in OF_NEWEST_RUN and Path(given).is_dir():
            given = f"{given}/last"  # A training that goes on must lose nothing.
        return read_checkpoint(resolve_checkpoint(given, self.runs_dir))

    @property
    def ckpt_path(self) -> str | None:
        """What is given as `--ckpt_path`, or in a config file, with the home folder for `~`; None without one."""
        given = self.last_value("ckpt_path")
        return None if given is None else os.path.expanduser(given)

    @property
    def runs_dir(self) -> Path:
        """Where runs lie.

        Raises:
            UserError: What says so refers to a key that there is not.
        """
        root, runs_dir = (self.last_value(name) for name in ("trainer.default_root_dir", "runs_dir"))
        try:
            places: Any = OmegaConf.to_container(OmegaConf.create([root or "", runs_dir or "runs"]), resolve=True)
        except OmegaConfBaseException as error:
            raise UserError(f"runs_dir: {str(error).splitlines()[0]}", "runs_dir") from error
        return place_of_runs(*places)

    def words_with_checkpoint(self) -> list[str]:
        """Give the words with the checkpoint's configuration first and its resolved path last.

        A `fit` that resumes a run has all of that run's settings, not just those of model and data.

        Raises:
            UserError: An argument of a class lacks its value, or one of the model comes from the data alone.
        """
        self._check_flags()
        if self.checkpoint is None:
            return [*self.subcommand, *self._parsed_words]
        if self.is_whole:
            return [*self.words, "--ckpt_path", str(self.checkpoint.path)]
        configs = [self.checkpoint.config]
        if self.subcommand == ["fit"]:
            configs.insert(0, read_run_config(self.checkpoint.path))
        first = [word for config in configs if config for word in ("--config", json.dumps(config))]
        return [*self.subcommand, *first, *self._parsed_words, "--ckpt_path", str(self.checkpoint.path)]

    @property
    def _parsed_words(self) -> list[str]:
        """The words after the subcommand, in order, with config files that hold keys of another one without these."""
        return [word for flag in self.flags for word in self._parsed(flag)]

    def _parsed(self, flag: Flag) -> tuple[str, ...]:
        if flag.name != "config" or flag.value is None or not self._passed_over or not os.path.isfile(flag.value):
            return flag.words
        config = read_config(Path(flag.value))
        kept = {key: value for key, value in config.items() if key not in self._passed_over}
        return flag.words if len(kept) == len(config) else ("--config", yaml.safe_dump(kept, default_flow_style=True))

    def located(self, error: UserError) -> UserError:
        """Add to a message about a key where it stands, unless that is a flag: file and line, or the variable.

        The message is about arguments beside `class_path`, where a config has such: the parser does not know what to
        say of them.
        """
        text = str(error)
        named = KEY.search(text)
        key = as_typed(error.key or (named[0] if named else ""))
        if misplaced := self._misplaced_argument(key):
            text, key = misplaced
        place = self._place_of(key) if key else ""
        return UserError(f"{text}\n{place}" if place else text, key)

    def _misplaced_argument(self, key: str) -> tuple[str, str] | None:
        """Say what is wrong with an argument beside `class_path` at a key, above or below it; None without one."""
        configs = self._configs if key else []
        for owner, name in (found for config in configs for found in beside_class_path(config)):
            if _overlap(owner, key):
                meant = nearest(name, ["init_args"])
                wrong = (
                    f"there is no '{name}' beside class_path.{meant}" if meant else f"'{name}' belongs below init_args."
                )
                return f"{owner}: {wrong}", f"{owner}.{name}"
        return None

    def _place_of(self, key: str) -> str:
        if key == "data.val_fold" and any(flag.name == "folds" for flag in self.flags):  # `--folds null`, of a run.
            return "It is set by --folds."
        if any(f"{flag.name.removesuffix('+')}.".startswith(f"{key}.") for flag in self.flags):
            variable = variable_of(key)
            return "" if variable is None else f"It comes from the environment variable {variable}."
        for file in reversed(self.config_files):
            line = find_line(file, key)
            if line is not None:
                return f"It stands in {file}, line {line}."
        return ""

    @property
    def config_files(self) -> list[Path]:
        """The files of `--config`, in order."""
        return [Path(file) for file in self._values_of("config")]

    @cached_property
    def _configs(self) -> list[Config]:
        # What is not a file, the parser reports.
        return [read_config(file) for file in self.config_files if os.path.isfile(file)]

    @property
    def typed_places(self) -> set[str]:
        """Which of `run_name` and `runs_dir` the user has typed: those of a config or a variable are for new runs."""
        return {flag.name for flag in self._typed if flag.name in PLACES_OF_RUNS and flag.value not in (None, "null")}

    def _refuse_without_checkpoint(self) -> None:
        if self.words and self.words[0] in NEEDS_CHECKPOINT:
            stray = next((flag.words[0] for flag in self._typed if not flag.words[0].startswith("-")), "")
            raise UserError(
                f"{self.command} needs a trained model: give --ckpt_path FILE, the directory of a run, best or last."
                f"{flag_for(stray)}"
            )

    def _check_flags(self) -> None:
        """Refuse what the parser would blame on the class as a whole, or pass over in silence."""
        for flag in self.flags:
            if flag.value is None and flag.name.startswith(ARGUMENTS_OF_CLASSES):
                raise UserError(f"--{flag.name} needs a value.", flag.name)
        named_in_configs = [config["config"] for config in self._configs if "config" in config]
        for named in [*self._values_of("config"), *named_in_configs]:
            if not isinstance(named, str) or "\0" in named:
                raise UserError(f"config must name a file, got {named!r}.", "config")
        keys = [flag.name for flag in self.flags]
        keys += [as_typed(key) for config in self._configs for key, _ in flatten(config)]
        for name in PUBLISHED:
            if f"model.{name}" in keys:
                raise UserError(f"model.{name} cannot be set: the model takes it from the data.", f"model.{name}")

    @property
    def asks_for_help(self) -> bool:
        """Whether the words ask for help or for the config, in place of a run."""
        return any(word in ("-h", "--help") or word.startswith("--print_config") for word in self.words)

    def last_value(self, name: str) -> str | None:
        """Give the value of an argument: the last flag, else that of the last config file with one; None for null."""
        configured = [value for config in self._configs for value in _values_at(config, name.split("."))]
        last = next(reversed([*configured, *self._values_of(name)]), None)
        return None if last in (None, "null") else str(last)

    def _values_of(self, name: str) -> list[str]:
        return [flag.value for flag in self.flags if flag.name == name and flag.value is not None]


def _overlap(*keys: str) -> bool:
    """Whether one of two keys is that of the other's section or of an item in its list."""
    named = ([part for part in key.split(".") if part != "class_path" and not part.isdecimal()] for key in keys)
    return all(first == second for first, second in zip(*named, strict=False))


def _values_at(config: Any, keys: Sequence[str]) -> Iterator[Any]:
    """Give the value of a config under nested keys, if there is one."""
    if not keys:
        yield config
    elif isinstance(config, Mapping) and keys[0] in config:
        yield from _values_at(config[keys[0]], keys[1:])
