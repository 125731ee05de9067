"""The command line. Importing this package is cheap: torch is loaded when `main` runs what needs it."""

import signal
import sys
from collections.abc import Sequence

from litclassify.cli.commands import check_command, find_command
from litclassify.cli.messages import exit_with_message
from litclassify.cli.process_tuning import keep_freed_memory, uncollected_imports
from litclassify.errors import UserError

MISMATCHED_TORCHVISION = (
    "torch and torchvision do not fit together: this torchvision was built for another torch.\n"
    "Install a matching pair: pip install --force-reinstall torch torchvision"
)


def main(args: Sequence[str] | None = None) -> None:
    """Run a LitClassify command.

    Args:
        args: Command-line words without the program's name. None reads them from `sys.argv`.

    Raises:
        SystemExit: With code 2 for a user's mistake, after a few lines on standard error; with 130 after Ctrl-C.
    """
    try:
        _run(args)
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


def _run(args: Sequence[str] | None) -> None:
    words = sys.argv[1:] if args is None else list(args)
    try:
        command = find_command(words, without_torch=True)
        if command is not None:
            command(words)
            return
        check_command(words)
    except UserError as error:
        exit_with_message(error)
    keep_freed_memory()
    with uncollected_imports():
        _check_torchvision()
        from litclassify.cli.run import run  # noqa: PLC0415

    run(words)


def _check_torchvision() -> None:
    try:
        import torchvision  # noqa: F401, PLC0415
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        print(MISMATCHED_TORCHVISION, file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from error
