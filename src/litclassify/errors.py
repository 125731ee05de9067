"""How a command ends that does not end well: by a mistake that a user can mend, or by a signal."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

OBJECT = re.compile(r"<(?:\w+\.)*(\w+) object at 0x[0-9a-f]+>")


class UserError(ValueError):
    """A mistake in a configuration, in the data or in a path.

    The message says what was given, what is allowed and what to do, with the key as the user types it
    (`data.val_split`). The command line prints it without a traceback and ends with exit code 2; any
    other exception is a bug and keeps its traceback.

    Args:
        text: The message.
        key: The key that it is about, as typed, where the message does not begin with it.
    """

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


class InterruptedBySignal(SystemExit):
    """A signal ended a training, with 128 and its number for an exit code, as shells have it.

    Args:
        number: The signal.
        checkpoint: Where the training can go on; "" if nothing was saved.
    """

    def __init__(self, number: int, checkpoint: str = "") -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)
        self.checkpoint = checkpoint


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Give an exception and those from which it comes, the one that was raised first last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def reason_of(error: Exception) -> str:
    """Give the words of an exception, without what torch may say of its own code, and objects as their class."""
    text = str(error).partition("\nException raised from")[0].strip()
    return OBJECT.sub(r"\1", text)


@contextmanager
def refusal_of(key: str) -> Iterator[None]:
    """Name the argument whose class refuses what it is given.

    Args:
        key: As typed.

    Raises:
        UserError: Instead of what torch and other libraries raise over an argument.
    """
    try:
        yield
    except UserError:
        raise
    except (RuntimeError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{key}: {reason_of(error)}") from error
