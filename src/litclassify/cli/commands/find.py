"""`python main.py find lr` and `python main.py find batch_size`."""

import sys
from pathlib import Path

from litclassify.cli.application import ClassificationCLI
from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.search.batch_size import SECONDS, SMALLEST, BatchSizeSearch, Measured
from litclassify.cli.search.learning_rate import HIGHEST, LOWEST, STEPS, RateSearch
from litclassify.errors import UserError
from litclassify.tables import print_table
from litclassify.terminal import printable

NUM_ROWS = 25
BAR_WIDTH = 40


def main(words: list[str]) -> None:
    """Search for a learning rate or a batch size by short trainings, and print a flag to add."""
    parser = CommandParser("find", COMMANDS["find"])
    parser.add_argument("what", choices=ACTIONS)
    ACTIONS[parser.parse_args(words[:1]).what](words[1:])


class Search(ClassificationCLI):
    """A command line of `fit` that ends when it is parsed, and builds its objects for each training anew.

    Args:
        args: The words after the program's name.
    """

    def instantiate_classes(self) -> None:
        """Build nothing yet."""
        self.parser.add_instantiator(self._build, object)

    def _run_subcommand(self, subcommand: str) -> None:
        """Run nothing yet."""


def find_lr(words: list[str]) -> None:
    """Print the losses of a training at ever higher learning rates, and the flags of a good one."""
    parser = CommandParser("find lr", "Search for a learning rate. Further arguments are those of fit.")
    parser.add_argument("--min_lr", type=float, default=LOWEST, help="First learning rate to try.")
    parser.add_argument("--max_lr", type=float, default=HIGHEST, help="Last one.")
    parser.add_argument("--num_steps", type=int, default=STEPS, help="How many, a step at each.")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="PNG file for the curve.")
    arguments, rest = parser.parse_known_args(words)
    searches = Search(["fit", *rest, "--find_lr", "true"]).searches
    searches.check()
    if searches.config.find_batch_size:
        searches.take_batch_size()
    search = searches.rate(arguments.min_lr, arguments.max_lr, arguments.num_steps)
    _print_curve(search)
    _end(search, arguments.picture)


def find_batch_size(words: list[str]) -> None:
    """Print the speed of training by batch size, and the flag of a good one."""
    parser = CommandParser("find batch_size", "Search for a batch size. Further arguments are those of fit.")
    parser.add_argument("--smallest", type=int, default=SMALLEST, help="Batch size to begin with; it is doubled.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="How long to train with each.")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="PNG file for the speeds.")
    arguments, rest = parser.parse_known_args(words)
    if arguments.smallest < 1 or not arguments.seconds > 0:
        raise UserError("find batch_size: --smallest must be at least 1, and --seconds above 0.")
    search = Search(["fit", *rest]).searches.batch_size(arguments.smallest, arguments.seconds)
    header = ["batch_size", "images/s", "peak memory"]
    print_table(header, [_row(one) for one in search.measured], numbers=header)
    _end(search, arguments.picture)


def _end(search: BatchSizeSearch | RateSearch, file: Path | None) -> None:
    """Draw the search, if asked to, and print where, and what it has found."""
    if file is not None:
        try:
            search.picture.save(file, format="PNG")
        except OSError as error:
            raise UserError(f"--picture: '{file}' cannot be written: {error.strerror}.") from error
        sys.stdout.write(f"\nWrote the picture to {printable(str(file))}\n")
    sys.stdout.write(f"\n{search.flags}\n")


def _row(one: Measured) -> list[str]:
    speed = "out of memory" if one.images_per_second is None else f"{one.images_per_second:.0f}"
    return [str(one.batch_size), speed, "-" if one.peak_memory is None else f"{one.peak_memory / 2**20:.0f} MiB"]


def _print_curve(search: RateSearch) -> None:
    lowest = min(search.losses)
    per_loss = BAR_WIDTH / max(max(search.losses) - lowest, 1e-12)
    every = max(1, len(search.losses) // NUM_ROWS)
    points = list(zip(search.rates, search.losses, strict=True))[::every]
    rows = [[f"{rate:.2g}", f"{loss:.4f}", "━" * round(per_loss * (loss - lowest))] for rate, loss in points]
    print_table(["lr", "loss", ""], rows, numbers=["lr", "loss"])


ACTIONS = {"lr": find_lr, "batch_size": find_batch_size}
