"""`python main.py config check FILE [FILE ...]`."""

import sys

from litclassify.cli.commands.arguments import CommandParser
from litclassify.cli.commands.parsers import parse


def main(words: list[str]) -> None:
    """Parse config files together, as `fit --config FILE --config FILE` does, and print `ok`.

    Nothing is built and no data is read, so what a class itself refuses (a batch size of 0) does not show.

    Raises:
        UserError: They do not parse; the message is that of `fit`.
    """
    parser = CommandParser("config check", "Say whether fit takes these files, read in order. Nothing runs.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    files = parser.parse_args(words).files
    parse(["fit", *(word for file in files for word in ("--config", file))])
    sys.stdout.write("ok\n")
