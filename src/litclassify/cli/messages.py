"""What a person reads of an exception."""

import os
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import NoReturn

from litclassify.cli import own_variables
from litclassify.errors import UserError, chain_of
from litclassify.terminal import printable

PACKAGE = Path(__file__).parents[1]
MAX_LINES = 10
MAX_CHARACTERS = 1000
"""Most characters of a line: what was given can be a whole section of a config."""


def exit_with_message(error: UserError) -> NoReturn:
    """Print a user's mistake, with LITCLASSIFY_DEBUG=1 as a traceback, and end with exit code 2."""
    if os.environ.get(own_variables.DEBUG) == "1":
        traceback.print_exception(error)
        raise SystemExit(2) from error
    text = "\n".join(filter(None, (str(own_error(error)).strip(), _place_in_own_code(error))))
    lines = [printable(_shortened(line)) for line in text.split("\n")[:MAX_LINES]]
    print("error: " + "\n  ".join(lines), file=sys.stderr)  # noqa: T201
    raise SystemExit(2) from error


def _place_in_own_code(error: BaseException) -> str:
    """Say where in a file of the user's an exception was raised; nothing where that was in an installed package."""
    *_, root = chain_of(error)
    frames = [frame for frame in traceback.extract_tb(root.__traceback__) if _is_users(frame.filename)]
    if not frames:
        return ""
    file, line, name = frames[-1].filename, frames[-1].lineno, frames[-1].name
    return f"That was raised in {os.path.relpath(file)}, line {line}, in {name}. {own_variables.DEBUG}=1 shows how."


def _is_users(file: str) -> bool:
    """Whether a file is neither of Python, of an installed package, of this one, nor the program that was started."""
    installed = [PACKAGE, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))]
    path = Path(file).resolve()
    is_program = path == Path(sys.argv[0]).resolve()
    return path.is_file() and not is_program and not any(path.is_relative_to(folder.resolve()) for folder in installed)


def _shortened(line: str) -> str:
    half = MAX_CHARACTERS // 2
    return line if len(line) <= MAX_CHARACTERS else f"{line[:half]} … {line[-half:]}"


def own_error(error: Exception) -> UserError:
    """Give what a configured class says of its arguments.

    jsonargparse wraps the exception of a nested class in its tree of all types tried; the class's own stands among
    the causes. One from a worker process carries that process's traceback before its own text.
    """
    cause = next((cause for cause in chain_of(error) if isinstance(cause, UserError)), None)
    if cause is None:
        from litclassify.cli.parsing.errors import explain  # noqa: PLC0415 - it loads torch

        return explain(str(error))
    return UserError(str(cause).rpartition(f"{type(cause).__name__}: ")[2], cause.key)
