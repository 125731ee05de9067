"""A run in a process of its own: neither its memory, its global state nor its crash reaches the next one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType

from litclassify.callbacks.resuming.interruption import SIGNALS
from litclassify.cli.own_variables import RUN_DIR
from litclassify.errors import InterruptedBySignal

FROM_PYTHON = ("-c", "from litclassify.cli import main; main()")


def run_process(words: Sequence[str], run_dir: Path, typed: Sequence[str]) -> int:
    """Run a command line; signals that this process gets are for that one, which saves its run and ends.

    Args:
        words: The words after the program's name.
        run_dir: Directory of the run.
        typed: The words that this process got.

    Returns:
        Exit code; of a process that a signal ended, the negative number of the signal.

    Raises:
        InterruptedBySignal: A signal came, and the process has ended.
    """
    sys.stdout.flush()
    command = [sys.executable, *program(typed), *words]
    with _signals_noted() as signals, subprocess.Popen(command, env={**os.environ, RUN_DIR: str(run_dir)}) as process:  # noqa: S603
        signals.pass_on_to(process)
        code = process.wait()
    if signals.received:
        raise InterruptedBySignal(signals.received[0])
    return code


def program(typed: Sequence[str]) -> list[str]:
    """Give the arguments of Python that start this program; `main` may have been called from Python instead."""
    if sys.argv[1:] != list(typed):
        return list(FROM_PYTHON)
    return sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]


class _Signals:
    """Passes signals on to a process, at once: those of a terminal it has already, and takes the two for one."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def note(self, number: int, _: FrameType | None) -> None:
        self.received.append(number)
        if self._process is not None:
            self._process.send_signal(number)

    def pass_on_to(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self.received:  # Before there was a process.
            process.send_signal(number)


@contextmanager
def _signals_noted() -> Iterator[_Signals]:
    """Note signals in place of ending, where Python lets a thread do so."""
    signals = _Signals()
    if current_thread() is not main_thread():
        yield signals
        return
    previous = {number: signal.signal(number, signals.note) for number in SIGNALS}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
