"""`python main.py config diff A B`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from litclassify.cli.checkpoints import read_checkpoint
from litclassify.cli.commands.arguments import CommandParser
from litclassify.cli.commands.parsers import parse
from litclassify.cli.commands.tables import print_table
from litclassify.cli.config_lines import SILENT_LEVELS
from litclassify.errors import UserError

Config = dict[str, Any]
ABSENT = "-"
# What a checkpoint stores.
STORED = ("model", "data")
RUN_CONFIG = "config.fit.yaml"


def main(words: list[str]) -> None:
    """Print each key whose value differs between two configs, defaults included.

    Raises:
        SystemExit: With code 0 if nothing differs, 1 if something does.
        UserError: One of them cannot be read.
    """
    parser = CommandParser("config diff", "Print what differs. Exit code 0: nothing does, 1: something does.")
    parser.add_argument("a", metavar="A", help="Config file, run directory or checkpoint.")
    parser.add_argument("b", metavar="B", help="The same.")
    arguments = parser.parse_args(words)
    given = [arguments.a, arguments.b]
    configs = _on_common_ground([_read(Path(name)) for name in given])
    if any(Path(name).suffix == ".ckpt" for name in given):
        configs = [{key: config[key] for key in STORED if key in config} for config in configs]
    rows = differences(*configs)
    if rows:
        print_table(["key", *given], rows)
    raise SystemExit(1 if rows else 0)


def differences(a: Config, b: Config) -> list[list[str]]:
    """Give a row for each key that differs: the key as typed on the command line, and both values."""
    flat_a, flat_b = dict(flatten(a)), dict(flatten(b))
    keys = [*flat_a, *(key for key in flat_b if key not in flat_a)]
    rows = [[key, flat_a.get(key, ABSENT), flat_b.get(key, ABSENT)] for key in keys]
    return [[key, left, right] for key, left, right in rows if not _equal(left, right)]


def flatten(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Give every value under its key as typed: `model.network.width`, the class itself under `model.network`."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            silent = name in SILENT_LEVELS or name == "class_path"
            yield from flatten(item, key if silent else ".".join(filter(None, (key, str(name)))))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for position, item in enumerate(value):
            yield from flatten(item, f"{key}.{position}")
    elif not isinstance(value, Mapping):
        yield key, _as_text(value)


def _as_text(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def _equal(a: str, b: str) -> bool:
    """Compare values, of which one may be a class's short name and the other its import path."""
    return a == b or (("." in a) != ("." in b) and a.rsplit(".", 1)[-1] == b.rsplit(".", 1)[-1] and a[-1].isalpha())


def _on_common_ground(configs: list[Config]) -> list[Config]:
    """Complete the configs with the defaults of all that they name; if one is a fragment, take both as written."""
    try:
        completed = [parse(["fit", "--config", yaml.safe_dump(config)]) for config in configs]
    except UserError:
        return configs
    return [{key: value for key, value in config.items() if key != "config"} for config in completed]


def _read(path: Path) -> Config:
    if path.suffix == ".ckpt" and path.is_file():
        return {key: value for key, value in read_checkpoint(path).config.items() if key in STORED}
    file = path / RUN_CONFIG if path.is_dir() else path
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"config diff: there is no '{file}'.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"config diff: '{file}' cannot be read as YAML: {reason}") from error
    if not isinstance(content, dict):
        raise UserError(f"config diff: '{file}' is no config, which is a mapping of keys to values.")
    return content
