"""From the words of a command line to the command that they name."""

from functools import partial

from litclassify.cli.application import ClassificationCLI
from litclassify.cli.commands import find_command
from litclassify.cli.console import quiet_lightning
from litclassify.cli.launch import launch
from litclassify.cli.messages import exit_with_message
from litclassify.cli.trust import trusted_imports
from litclassify.errors import UserError


def run(args: list[str]) -> None:
    """Run a command line; a user's mistake ends with exit code 2 and a few lines.

    Args:
        args: The words after the program's name.
    """
    try:
        with quiet_lightning(), launch(), trusted_imports(args) as words:
            (find_command(words) or partial(ClassificationCLI, typed=args))(words)
    except UserError as error:
        exit_with_message(error)
