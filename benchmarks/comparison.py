"""What the benchmarks share: commands that run in alternation, their medians, and the table that compares them."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine, describe_versions

REPOSITORY = Path(__file__).parent.parent
T = TypeVar("T")


@dataclass(frozen=True)
class Command:
    """A Python program in a process of its own, started in the repository.

    Args:
        words: What follows `python`, as `["main.py", "fit", …]` or `["-m", "benchmarks.peers.tutorial", …]`.
        environment: Variables on top of this process's.
    """

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, timeout_s: float | None = None) -> tuple[float, str]:
        """Give the seconds from its start to its end, and its standard output.

        Raises:
            RuntimeError: It failed; the message ends with what it printed.
            subprocess.TimeoutExpired: It was stopped after `timeout_s`.
        """
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *self.words],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            printed = (done.stdout + done.stderr)[-3000:]
            raise RuntimeError(f"{' '.join(self.words)}\nended with exit code {done.returncode}:\n{printed}")
        return seconds, done.stdout


def cpu_environment(threads: int) -> dict[str, str]:
    """Give the variables that hold a command to the CPU and to `threads` threads."""
    return {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def alternate(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Take each measure once a round, one after the other, so that a slow minute of the machine falls on all."""
    results: dict[str, list[T]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            results[name].append(measure())
    return results


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Give the median over the rounds of the ratio within a round."""
    return statistics.median(above / below for above, below in zip(numerators, denominators, strict=True))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with the machine and the versions below it."""
    table = Table(*columns, title=title, caption=f"{describe_machine()}\n{describe_versions()}", caption_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)
