"""`python main.py --help`."""

import sys
from collections.abc import Iterator, Mapping
from shutil import get_terminal_size
from textwrap import wrap

from litclassify.cli.command_names import COMMANDS, SUBCOMMANDS

OVERVIEW = """\
Train, evaluate and apply image classifiers.

usage: python main.py COMMAND [--help] ...

{commands}

Examples:
  python main.py fit --config configs/digits.yaml
  python main.py fit --config configs/digits.yaml --model.optimizer.lr 0.001
  python main.py test --ckpt_path best
  python main.py fit --help
"""
# Wider names get a line of their own.
MAX_NAME_WIDTH = 34
MIN_WIDTH = 60


def main(_: list[str]) -> None:
    """Print a line for each subcommand and command."""
    sys.stdout.write(OVERVIEW.format(commands="\n".join(entries({**SUBCOMMANDS, **COMMANDS}))))


def entries(texts: Mapping[str, str]) -> Iterator[str]:
    """Give names and texts in two columns, the texts wrapped to the terminal."""
    column = min(max(map(len, texts)), MAX_NAME_WIDTH) + 4
    width = max(get_terminal_size().columns, MIN_WIDTH)
    for name, text in texts.items():
        first, *rest = wrap(text, width - column)
        yield f"  {name:<{column - 2}}{first}" if len(name) <= MAX_NAME_WIDTH else f"  {name}\n{' ' * column}{first}"
        yield from (" " * column + line for line in rest)
