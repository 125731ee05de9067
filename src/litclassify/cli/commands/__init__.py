"""Commands beside the subcommands that train and evaluate: they explain, check and compare.

A command is a module of this package with a function `main(words)`. It is imported when it is called.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from litclassify.cli.command_names import COMMANDS, NOTHING_TO_DO, SUBCOMMANDS, no_such_command
from litclassify.errors import UserError

Command = Callable[[list[str]], None]

FULL_HELP = "--help=all"
HELP = {"-h", "--help", FULL_HELP}

# They are answered in a fraction of a second; to import torch takes several.
WITHOUT_TORCH = ("compare", "runs", "overview")


def find_command(words: list[str], *, without_torch: bool = False) -> Command | None:
    """Give the function that answers a command line; None if it is for LightningCLI.

    Args:
        words: The words after the program's name.
        without_torch: Look only among the commands that do not import torch.
    """
    name = _module_of(words)
    if name is None or (without_torch and name not in WITHOUT_TORCH):
        return None
    return partial(_call, name)


def check_command(words: Sequence[str]) -> None:
    """Refuse a first word that names no command; what begins with a flag is left to the parser.

    Args:
        words: The words after the program's name.

    Raises:
        UserError: There is no word, or no such command.
    """
    if not words:
        raise UserError(NOTHING_TO_DO)
    if words[0] not in {*SUBCOMMANDS, *COMMANDS} and not words[0].startswith("-"):
        raise UserError(no_such_command(words[0]))


def _module_of(words: list[str]) -> str | None:
    if words and words[0] in COMMANDS:
        return words[0]
    if HELP.isdisjoint(words):
        return None
    return "overview" if SUBCOMMANDS.keys().isdisjoint(words) else "help"


def _call(name: str, words: list[str]) -> None:
    import_module(f"{__name__}.{name}").main(words[1:] if name in COMMANDS else words)
