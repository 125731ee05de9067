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
from typing import NoReturn

from litclassify.cli.own_variables import RUN_DIR

FROM_PYTHON = ("-c", "from litclassify.cli import main; main()")
GRACE_S = 5


def run_process(words: Sequence[str], run_dir: Path, typed: Sequence[str]) -> int:
    """Run a command line, and end it when this process is asked to end.

    Args:
        words: The words after the program's name.
        run_dir: Directory of the run.
        typed: The words that this process got.

    Returns:
        Exit code; of a process that a signal ended, the negative number of the signal.
    """
    sys.stdout.flush()
    command = [sys.executable, *program(typed), *words]
    with _sigterm_raised(), subprocess.Popen(command, env={**os.environ, RUN_DIR: str(run_dir)}) as process:  # noqa: S603
        try:
            return process.wait()
        except KeyboardInterrupt:
            _interrupt(process)
            raise
        except BaseException:
            process.terminate()
            process.wait()
            raise


def program(typed: Sequence[str]) -> list[str]:
    """Give the arguments of Python that start this program; `main` may have been called from Python instead."""
    if sys.argv[1:] != list(typed):
        return list(FROM_PYTHON)
    return sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end: Ctrl-C in a terminal reaches both processes, `kill -INT` this one alone."""
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextmanager
def _sigterm_raised() -> Iterator[None]:
    """Turn SIGTERM into SystemExit, where Python lets a thread do so."""
    if current_thread() is not main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _exit(signum: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)
