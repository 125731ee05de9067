"""The parsers of the subcommands, without running any."""

from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.cli import ArgsType, LightningArgumentParser

from litclassify.cli.application import ClassificationCLI


class DryRun(ClassificationCLI):
    """A command line that ends when all is built.

    Args:
        args: The words after the program's name.
    """

    def _set_seed(self) -> None:
        """Leave the random numbers alone."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Run nothing."""


class ParsersOnly(DryRun):
    """A command line that ends before anything is built.

    Args:
        args: Words to parse, the subcommand first. None parses nothing.
    """

    def __init__(self, args: list[str] | None = None) -> None:
        super().__init__(args or [])

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse as the application does, if there is anything to parse."""
        if args:
            super().parse_arguments(parser, args)
        else:
            self.config = Namespace(subcommand=None)  # type: ignore[no-untyped-call] # jsonargparse's is untyped

    def before_instantiate_classes(self) -> None:
        """Leave the configuration as it was parsed."""

    def instantiate_classes(self) -> None:
        """Build nothing."""


def subcommand_parsers() -> dict[str, LightningArgumentParser]:
    """Give the parser of each subcommand."""
    parsers: dict[str, LightningArgumentParser] = ParsersOnly()._subcommand_parsers
    return parsers


def parse(words: list[str]) -> dict[str, Any]:
    """Give the complete configuration of a command line, defaults included.

    Args:
        words: The words of a command line, the subcommand first.

    Raises:
        UserError: They do not parse; the message is that of the subcommand.
    """
    cli = ParsersOnly(words)
    cli.subcommand = words[0]
    cli._dump_config()
    config: dict[str, Any] = cli.config_dump
    return config
