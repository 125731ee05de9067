"""Trainings in processes of their own, which can be killed at any time."""

import logging
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import litclassify.cli.run  # noqa: F401 - and all that commands need, for the children
from litclassify.cli import main

TIMEOUT_S = 240


class Training:
    """A command in a child of this process: it begins at once, as all modules are loaded.

    Args:
        words: Of the command line.
        output: File for what it prints.
        prepare: Called in the child before the command.
    """

    def __init__(self, words: list[str], output: Path, prepare: Callable[[], object] | None = None) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.output = output
        self.pid = os.fork()
        if self.pid == 0:
            _run(words, output, prepare)

    def kill(self) -> bool:
        """Send SIGKILL; say whether it was in time."""
        return self.signal(signal.SIGKILL) == -signal.SIGKILL

    def signal(self, number: int) -> int:
        """Send a signal and wait for the end; gives the exit code, negative for a signal that killed it."""
        os.kill(self.pid, number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; gives the exit code."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            code = self.code()
            if code is not None:
                return code
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(f"It did not end:\n{self.printed()}")

    def code(self) -> int | None:
        """Give the exit code, or None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, or the command has ended, which is then left to `wait`."""
        end = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < end, self.printed()
            assert Path(f"/proc/{self.pid}/stat").read_text().split(")")[1].split()[0] != "Z", self.printed()
            time.sleep(0.005)

    def printed(self) -> str:
        """Give what it has printed so far."""
        return self.output.read_text(errors="replace")


def _run(words: list[str], output: Path, prepare: Callable[[], object] | None) -> None:
    code = 1
    try:
        _print_into(output)
        if prepare is not None:
            prepare()
        main(words)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _print_into(output: Path) -> None:
    """Let all that is printed, logged or warned of go into a file, as a test's own process does not."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    warnings.resetwarnings()
    for category in (DeprecationWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)
    warnings.showwarning = _print_warning
    for logger in map(logging.getLogger, list(logging.root.manager.loggerDict)):
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.stream = sys.stderr  # `setStream` flushes the one before, which may be closed.


def _print_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    sys.stderr.write(f"{category.__name__}: {message}\n")
