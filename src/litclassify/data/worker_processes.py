"""Processes that load images, and signals."""

import atexit
import signal
from functools import cache
from multiprocessing import active_children

SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")


def leave_signals_to_the_main_process(_worker: int) -> None:
    """Ignore signals in workers, so that the main process can finish its step when the whole group is signalled."""
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


@cache
def end_those_left_at_exit() -> None:
    """Have the processes of loaders that are open when Python exits ended; once, from the first such loader on."""
    atexit.register(_end_those_left)


def _end_those_left() -> None:
    """End processes of loaders that nobody has closed, such as those in the frames of an exception.

    Python ends them with SIGTERM, which they ignore, and would wait for ever. That they end is not to be reported, as
    torch does: it raises an exception wherever the main process then is.
    """
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in active_children():
        if process.daemon:
            process.kill()
