"""The arguments of a command."""

import argparse
import re
from typing import NoReturn

from litclassify.errors import UserError
from litclassify.suggestions import nearest

TYPES = {"int": "an integer", "float": "a number"}
# What argparse says of mistakes.
UNKNOWN = re.compile(r"^unrecognized arguments: (\S+)")
MISSING = re.compile(r"^the following arguments are required: (.+)")
NO_CHOICE = re.compile(r"^argument (\S+): invalid choice: '(.*)' \(choose from")
WRONG_TYPE = re.compile(r"^argument (\S+): invalid (int|float) value: '(.*)'")
NO_VALUE = re.compile(r"^argument (\S+): expected (?:one|at least one) argument")


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
        raise UserError(f"{self._sentence(message)}\nUsage: {usage}")

    def _sentence(self, message: str) -> str:
        choices = {action.dest: list(action.choices) for action in self._actions if action.choices}
        if match := UNKNOWN.match(message):
            return f"There is no argument '{match[1]}'.{nearest(match[1], self._option_string_actions)}"
        if match := MISSING.match(message):
            return f"Missing: {', '.join(' or '.join(choices.get(name, [name])) for name in match[1].split(', '))}."
        if match := NO_CHOICE.match(message):
            known = choices[match[1]]
            return f"There is no '{match[2]}' here: choose from {', '.join(known)}.{nearest(match[2], known)}"
        if match := WRONG_TYPE.match(message):
            return f"{match[1]} must be {TYPES[match[2]]}, got '{match[3]}'."
        if match := NO_VALUE.match(message):
            return f"{match[1]} needs a value."
        return f"{message}."
