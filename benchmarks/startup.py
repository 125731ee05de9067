"""Seconds until `fit --print_config` and `--help` have answered, against importing torch, torchvision and LightningCLI.

Each command runs in a process of its own, in alternation with the imports; what is compared are medians.
Run: python -m benchmarks.startup [--rounds 5]
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).parent.parent
RECIPE = "configs/digits.yaml"
IMPORTS = [sys.executable, "-c", "import torch, torchvision, lightning.pytorch.cli"]
COMMANDS = {
    "fit --print_config": [sys.executable, "main.py", "fit", "--config", RECIPE, "--print_config"],
    "fit --help": [sys.executable, "main.py", "fit", "--help"],
    "--help": [sys.executable, "main.py", "--help"],
}
# What a command may take, in units of the imports.
LIMIT = 1.2


def seconds(command: list[str]) -> float:
    """Time one process from its start to its end."""
    start = time.perf_counter()
    subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def pairs(command: list[str], rounds: int) -> list[tuple[float, float]]:
    """Time the imports and a command in turn."""
    return [(seconds(IMPORTS), seconds(command)) for _ in range(rounds)]


def main() -> None:
    """Print seconds and their ratio, medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    seconds(IMPORTS)  # The first time reads from the disk.
    table = Table("command", "imports, s", "command, s", "ratio", title=f"{rounds} rounds, at most {LIMIT} is wanted")
    for name, command in COMMANDS.items():
        measured = pairs(command, rounds)
        imports, taken = (statistics.median(column) for column in zip(*measured, strict=True))
        ratio = statistics.median(taken / imports for imports, taken in measured)
        table.add_row(name, f"{imports:.2f}", f"{taken:.2f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
