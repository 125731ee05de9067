"""The arguments of a command."""

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from litclassify.errors import UserError


class CommandParser(argparse.ArgumentParser):
    """A parser whose mistakes are `UserError`, of a sentence or two.

    Args:
        name: The command as typed, such as `config diff`.
        description: What it does.
    """

    def __init__(self, name: str, description: str) -> None:
        super().__init__(prog=f"python main.py {name}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise the mistake with the way to call the command."""
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        _, _, unknown = message.partition("unrecognized arguments: ")
        hint = did_you_mean(unknown.split()[0], self._option_string_actions) if unknown else ""
        raise UserError(f"{message}{hint}\nUsage: {usage}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `. Did you mean '--sort'?` with the nearest of the known names; empty if none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f". Did you mean '{near[0]}'?" if near else ""
