"""What a person reads of an exception."""

import os
import sys
from typing import NoReturn

from litclassify.cli import own_variables
from litclassify.cli.parsing.errors import explain
from litclassify.errors import UserError
from litclassify.terminal import printable

MAX_LINES = 10
MAX_CHARACTERS = 1000
"""Of a line: what was given can be a whole section of a config."""


def exit_with_message(error: UserError) -> NoReturn:
    """Print a user's mistake and end with exit code 2; with LITCLASSIFY_DEBUG=1 raise it with its traceback."""
    if os.environ.get(own_variables.DEBUG) == "1":
        raise error
    lines = [printable(_shortened(line)) for line in str(own_error(error)).strip().split("\n")[:MAX_LINES]]
    print("error: " + "\n  ".join(lines), file=sys.stderr)  # noqa: T201
    raise SystemExit(2) from error


def _shortened(line: str) -> str:
    half = MAX_CHARACTERS // 2
    return line if len(line) <= MAX_CHARACTERS else f"{line[:half]} … {line[-half:]}"


def own_error(error: Exception) -> UserError:
    """Give what a configured class says of its arguments.

    jsonargparse wraps the exception of a nested class in its tree of all types tried; the class's own stands among
    the causes. One from a worker process carries that process's traceback before its own text.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, UserError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return explain(str(error))
    return UserError(str(cause).rpartition(f"{type(cause).__name__}: ")[2], cause.key)
