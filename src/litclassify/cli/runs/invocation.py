"""How the program was called, to give commands that work when they are typed."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def shell_command(typed: Sequence[str], words: Sequence[str]) -> str:
    """Give a command for a shell: this program with other words.

    Args:
        typed: The words that this program got. Where they are not those of the process, `main` was called from
            Python, and the command is that of the installed program.
        words: Words after the program's name.
    """
    return shlex.join([*(_program() if sys.argv[1:] == list(typed) else ["litclassify"]), *words])


def _program() -> list[str]:
    """Give what stood before the arguments: `python main.py`, or the name of an installed program."""
    called = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    program = Path(called[-1])
    if program.suffix == ".py" or "-m" in called:
        return [_as_typed(called[0]), *called[1:]]
    # The shell starts an installed program through Python: only its name was typed, if the shell finds it.
    return [program.name if shutil.which(program.name) else str(program)]


def _as_typed(python: str) -> str:
    """Give the name of Python where the shell finds this one by it: a run of a series is started by its path."""
    name = Path(python).name
    return name if shutil.which(name) == python else python
