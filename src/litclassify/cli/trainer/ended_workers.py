"""A process that loads images and ends before its time: what is known of the reason."""

import re
import traceback
from enum import Enum

from litclassify.errors import chain_of

# The kernel ends these when memory runs out: the machine's, or what processes share.
KILLED = re.compile(r"DataLoader worker .* (killed by signal: Killed|Bus error)")
# By another signal, or with an exit code: a bug, which keeps its traceback.
CRASHED = re.compile(r"DataLoader worker .* (killed by signal|exit code)")
ENDED = re.compile(r"DataLoader worker .* exited unexpectedly$")


class WorkerEnd(Enum):
    """How it ended, in a sentence that introduces settings."""

    KILLED = (
        "A process that loads images was killed, as the system does where memory runs out. If that was it, lower one "
        "of these:"
    )
    UNKNOWN = (
        "A process that loads images ended, and torch does not know why. If something else ended it, start again. If "
        "memory ran out, lower one of these:"
    )


def how_a_worker_ended(error: BaseException) -> WorkerEnd | None:
    """Say how it ended that an exception is about; None where it is about something else, or a bug ended it.

    That a worker is killed reaches torch in three ways, which is first being a matter of chance: by a signal to this
    process, whose handler knows the reason; by a look at the workers, which may find the handler's exception under way
    or not; and by the connection over which the worker hands its tensors, before either.
    """
    reasons = [str(reason) for reason in chain_of(error)]
    if any(KILLED.search(reason) for reason in reasons):
        return WorkerEnd.KILLED
    if any(CRASHED.search(reason) for reason in reasons):
        return None
    lost = isinstance(error, ConnectionError | EOFError) and _is_of_a_loader(error)
    return WorkerEnd.UNKNOWN if lost or ENDED.search(reasons[0]) else None


def _is_of_a_loader(error: BaseException) -> bool:
    return any(frame.f_code.co_name == "_try_get_data" for frame, _ in traceback.walk_tb(error.__traceback__))
