"""Short trainings and predictions in one process, for as long as is asked: does it grow?

python -m tests.chaos.soak --minutes 120
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch
from tests.conftest import SMALL

from litclassify.cli import main

QUIET = ["--trainer.enable_progress_bar", "false"]


@dataclass(frozen=True)
class Use:
    """What the process holds."""

    seconds: float
    mebibytes: float
    """Memory that is resident."""
    descriptors: int
    """Open files."""
    threads: int


def soak() -> Iterator[Use]:
    """Train, predict and test in the working directory again and again, and give what the process holds after each."""
    start = time.monotonic()
    while True:
        main(["fit", *SMALL, "--run_name", "soak"])
        for command in ("predict", "test"):
            main([command, "--ckpt_path", "last", *QUIET])
        shutil.rmtree("runs")
        gc.collect()
        yield Use(time.monotonic() - start, _resident_mebibytes(), len(os.listdir("/proc/self/fd")), _threads())


def _resident_mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def run(minutes: float) -> None:
    """Print what the process holds, once in five rounds."""
    write(f"{'round':>6} {'seconds':>8} {'MiB':>8} {'files':>6} {'threads':>8}")
    for number, use in enumerate(soak(), start=1):
        over = use.seconds > 60 * minutes
        if number % 5 == 0 or over:
            write(f"{number:6} {use.seconds:8.0f} {use.mebibytes:8.1f} {use.descriptors:6} {use.threads:8}")
        if over:
            return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        os.chdir(folder)
        run(arguments.minutes)
