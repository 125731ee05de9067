"""`python main.py config diff A B`."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from litclassify.cli.checkpoints.checkpoint import read_checkpoint
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.config.differences import differences
from litclassify.cli.config.files import Config, config_file, read_config
from litclassify.cli.dry_run import parse
from litclassify.errors import UserError
from litclassify.tables import print_table

# What a checkpoint stores.
STORED = ("model", "data")


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
    configs = _completed([(name, _read(name)) for name in given])
    if any(_is_checkpoint(Path(name)) for name in given):
        configs = [{key: config[key] for key in STORED if key in config} for config in configs]
    rows = differences(configs)
    if rows:
        print_table(["key", *given], rows, whole=["key"])
    raise SystemExit(1 if rows else 0)


def _read(given: str) -> Config:
    path = Path(given)
    if _is_checkpoint(path) and path.is_file():
        return {key: value for key, value in read_checkpoint(path).config.items() if key in STORED}
    return read_config(config_file(given))


def _is_checkpoint(path: Path) -> bool:
    return path.suffix == ".ckpt"


def _completed(configs: Sequence[tuple[str, Config]]) -> list[Config]:
    """Complete configs with the defaults of all that they name; where neither stands by itself, as they are written.

    Raises:
        UserError: Only one of them stands by itself.
    """
    found, refused = [], []
    for name, config in configs:
        try:
            found.append({**parse(["fit", "--config", yaml.safe_dump(config)]), "config": None})
        except UserError as error:
            refused.append((name, error))
    if found and refused:
        ((name, mistake),) = refused
        raise UserError(f"'{name}' is not a complete config, unlike the other: {mistake}") from mistake
    return found or [config for _, config in configs]
