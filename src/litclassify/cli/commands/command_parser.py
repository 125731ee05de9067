"""The arguments of a command."""

import argparse
from typing import NoReturn

from litclassify.errors import UserError
from litclassify.suggestions import nearest


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
        hint = nearest(unknown.split()[0], self._option_string_actions) if unknown else ""
        raise UserError(f"{message}.{hint}\nUsage: {usage}")
