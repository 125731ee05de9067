"""Whole commands that train on a folder, LitClassify's and its peers', each in a process of its own."""

import csv
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import Command, cpu_environment


@dataclass(frozen=True)
class Peer:
    """A module of benchmarks.peers, and the package whose version counts."""

    module: str
    package: str


@dataclass(frozen=True)
class Trained:
    """What a command took, in seconds from its start to its end, and the validation accuracy that it ended with."""

    seconds: float
    val_acc: float


@dataclass(frozen=True)
class TrainingCommands:
    """Runs commands on one folder.

    Args:
        data: It holds train/ and val/ with a folder per class each.
        packages: A folder with the peers' packages; None if they are installed beside torch.
        threads: Of torch, in each process.
        timeout_s: When to stop a command; None waits for its end.
    """

    data: Path
    packages: Path | None
    threads: int
    timeout_s: float | None = None

    def litclassify(self, flags: Sequence[str]) -> Trained:
        """Run `main.py fit` with these flags."""
        with tempfile.TemporaryDirectory() as output:
            words = ["main.py", "fit", "--data.root", str(self.data), "--runs_dir", output, *flags]
            seconds, _ = Command(words, cpu_environment(self.threads)).run(self.timeout_s)
            return Trained(seconds, last_val_acc(Path(output)))

    def peer(self, peer: Peer, flags: Sequence[str]) -> Trained:
        """Run a peer with these flags."""
        with tempfile.TemporaryDirectory() as output:
            words = ["-m", f"benchmarks.peers.{peer.module}", "--data", str(self.data), "--output", output, *flags]
            seconds, printed = Command(words, peer_environment(self.packages, self.threads)).run(self.timeout_s)
            return Trained(seconds, json.loads(printed.splitlines()[-1])["val_acc"])


def peer_version(peer: Peer, packages: Path | None) -> str | None:
    """Give the version of a peer's package; None, with a line that says why, if the peer cannot be imported."""
    code = f"import benchmarks.peers.{peer.module}, importlib.metadata as m; print(m.version('{peer.package}'))"
    try:
        _, printed = Command(["-c", code], peer_environment(packages, threads=1)).run()
    except RuntimeError as error:
        print(f"{peer.package} is left out: {str(error).splitlines()[-1]}")
        return None
    return printed.splitlines()[-1]


def peer_environment(packages: Path | None, threads: int) -> dict[str, str]:
    """Give the variables of a peer's process: LitClassify's, and its packages on the path."""
    paths = [os.environ.get("PYTHONPATH", ""), str(packages or "")]
    return {**cpu_environment(threads), "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def last_val_acc(runs_dir: Path) -> float:
    """Give the last validation accuracy of the only run in a directory.

    Raises:
        ValueError: Its `metrics.csv` holds none.
    """
    [metrics] = runs_dir.rglob("metrics.csv")
    with metrics.open(encoding="utf-8", newline="") as file:
        values = [row["val_acc"] for row in csv.DictReader(file) if row.get("val_acc")]
    if not values:
        raise ValueError(f"'{metrics}' holds no val_acc.")
    return float(values[-1])
