"""The parser whose errors a person can act on."""

import re
from argparse import SUPPRESS, Action
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NoReturn

from jsonargparse import DefaultHelpFormatter, Namespace
from lightning.pytorch.cli import LightningArgumentParser

from litclassify.cli.parsing.errors import explain

NONE = re.compile("=None$")
# To name all modules of torch, torchvision and timm takes a line of 32,000 characters.
KNOWN_CLASSES = re.compile(r"(, known subclasses: (?:[\w.]+, ){4}[\w.]+)((?:, [\w.]+)+)")
WIDTH = 110


class HelpFormatter(DefaultHelpFormatter):
    """Descriptions of arguments, for help and the comments of a printed config, that fit a screen."""

    def _expand_help(self, action: Action) -> str:
        text = KNOWN_CLASSES.sub(
            lambda found: f"{found[1]} and {found[2].count(',')} more", super()._expand_help(action)
        )
        return "\n".join(part for line in text.splitlines() for part in wrap(line, WIDTH))


class ArgumentParser(LightningArgumentParser):
    """LightningCLI's parser, with mistakes raised as `UserError` instead of a usage dump."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # An abbreviated flag is a typo that happens to be a prefix.
        super().__init__(*args, allow_abbrev=False, **{"formatter_class": HelpFormatter, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the mistake in a few lines.

        The parsers of nested classes report to the one above, which turns the whole into a message.
        """
        if not self.exit_on_error:
            super().error(message, ex)
        raise explain(message, self._keys()) from ex

    def parse_args(  # type: ignore[override] # as jsonargparse does with argparse's
        self, args: Sequence[str] | None = None, *rest: Any, **settings: Any
    ) -> Namespace:
        """Parse words.

        An argument of a nested class comes from the parser above as one word, in which jsonargparse writes null as
        Python does: `--network.weights=None` would be the text "None".
        """
        if args is not None and not self.exit_on_error:
            args = [NONE.sub("=null", word) for word in args]
        try:
            parsed: Namespace = super().parse_args(args, *rest, **settings)
        # The allowlist's, from where jsonargparse compares classes, and of a file in the place of a section.
        except (ImportError, OSError) as error:
            self.error(str(error), error)
        return parsed

    def validate(self, namespace: Namespace, *rest: Any, **settings: Any) -> None:
        """Check values against their types, null among them: jsonargparse takes it for a value that was not given."""
        super().validate(namespace, *rest, **settings)
        for action in self._actions:
            # Without a default, null is the default or means that a required value is missing.
            may_be_null = action.default is None or action.default is SUPPRESS
            if not may_be_null and namespace.get(action.dest, action.default) is None:
                self._check_value_key(action, None, action.dest, namespace)

    def _keys(self) -> Iterator[str]:
        for action in self._actions:
            yield from (option.lstrip("-") for option in action.option_strings)
            for parser in action.choices.values() if isinstance(action.choices, dict) else ():
                yield from parser._keys()


def top_level_names(parser: LightningArgumentParser) -> set[str]:
    """Give the names of a parser's arguments and groups, such as `trainer`."""
    options = (option for action in parser._actions for option in action.option_strings)
    return {option.lstrip("-").split(".", 1)[0] for option in options}
