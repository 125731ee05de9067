"""Commands beside the subcommands that train and evaluate: they explain, check and compare.

A command is a module of this package with a function `main(words)`. It is imported when it is called.
"""

from collections.abc import Callable
from importlib import import_module

Command = Callable[[list[str]], None]

COMMANDS = {
    "config": "Compare two configs (diff), or check that files parse (check).",
    "runs": "List the runs with their best and last metrics.",
    "schema": "Print a JSON Schema of configs, for checks in an editor.",
    "completion": "Print a completion script for bash or zsh.",
}
"""Name and purpose of each command."""

FULL_HELP = "--help=all"


def find_command(words: list[str]) -> Command | None:
    """Give the function that answers a command line; None if it is for LightningCLI.

    Args:
        words: The words after the program's name.
    """
    if words and words[0] in COMMANDS:
        main = _main_of(words[0])
        return lambda words: main(words[1:])
    return _main_of("help") if {"-h", "--help", FULL_HELP} & set(words) else None


def _main_of(module: str) -> Command:
    command: Command = import_module(f"{__name__}.{module}").main
    return command
