"""The parser whose errors a person can act on."""

from collections.abc import Iterator
from typing import Any, NoReturn

import yaml
from lightning.pytorch.cli import LightningArgumentParser

from litclassify.cli.parser_errors import explain
from litclassify.errors import UserError


class ArgumentParser(LightningArgumentParser):
    """LightningCLI's parser, with mistakes raised as `UserError` instead of a usage dump."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # An abbreviated flag is a typo that happens to be a prefix.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the mistake in a few lines.

        The parsers of nested classes report to the one above, which turns the whole into a message.
        """
        if not self.exit_on_error:
            super().error(message, ex)
        raise UserError(explain(message, self._keys())) from ex

    def _keys(self) -> Iterator[str]:
        for action in self._actions:
            yield from (option.lstrip("-") for option in action.option_strings)
            for parser in action.choices.values() if isinstance(action.choices, dict) else ():
                yield from parser._keys()


def write_string_enums_as_strings() -> None:
    """Let a config hold an enum whose members are strings, such as the default `interval` of Lightning's `Timer`.

    Without it saving the config fails: PyYAML represents no subclass of str, and the argument's type is plain `str`.
    """
    yaml.SafeDumper.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str(text)))
