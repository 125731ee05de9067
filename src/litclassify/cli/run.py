"""From the words of a command line to the command that they name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from litclassify.cli.application import ClassificationCLI
from litclassify.cli.commands import find_command
from litclassify.cli.file_errors import file_errors_explained
from litclassify.cli.messages import exit_with_message
from litclassify.cli.parsing.jsonargparse_patches import adapted_jsonargparse
from litclassify.cli.process_tuning import quick_cuda_check
from litclassify.cli.runs.launch import launch
from litclassify.cli.series.batch_halving import find_halving
from litclassify.cli.series.command import find_series
from litclassify.cli.trainer.console import quiet_lightning
from litclassify.cli.trust.imports import trusted_imports
from litclassify.errors import UserError


def run(args: list[str]) -> None:
    """Run a command line; a user's mistake ends with exit code 2 and a few lines.

    Args:
        args: The words after the program's name.
    """
    try:
        with process_set_up_for(args) as words, file_errors_explained():
            command = (
                find_command(words)
                or find_series(words, args)
                or find_halving(words, args)
                or partial(ClassificationCLI, typed=args)
            )
            command(words)
    except UserError as error:
        exit_with_message(error)


@contextmanager
def process_set_up_for(args: Sequence[str]) -> Iterator[list[str]]:
    """Change what holds for the whole process - libraries, the launch's run, trust - until the command has ended.

    Args:
        args: The words after the program's name.

    Yields:
        The words without `--allow_import`.

    Raises:
        UserError: `--allow_import` has no value, or names what stays closed or what there is not.
    """
    with quiet_lightning(), quick_cuda_check(), launch(), adapted_jsonargparse(), trusted_imports(args) as words:
        yield words
