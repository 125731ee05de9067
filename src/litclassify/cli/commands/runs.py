"""`python main.py runs`."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from litclassify.cli.commands import COMMANDS
from litclassify.cli.commands.arguments import CommandParser
from litclassify.cli.commands.tables import print_table
from litclassify.errors import UserError

SHOWN = ("val_loss", "val_acc", "test_acc")
ABSENT = "-"
# PyYAML's parser in C reads a config of a run ten times as fast; some builds lack it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Run:
    """What the files of a run tell without loading a checkpoint."""

    path: Path
    epochs: int
    """Epochs with a validation."""
    max_epochs: int | None
    finished: bool
    monitor: str | None
    metrics: Mapping[str, float]
    """Last value of each metric; under `best`, the best value of the monitored one."""


def main(words: list[str]) -> None:
    """List the runs, the newest last.

    Raises:
        UserError: There is no such directory or metric.
    """
    parser = CommandParser("runs", COMMANDS["runs"])
    parser.add_argument("--runs_dir", type=Path, default=Path("runs"), help="Directory that holds all runs.")
    parser.add_argument("--sort", metavar="METRIC", help="Metric to sort by, best last; best is the monitored one.")
    parser.add_argument("--reverse", action="store_true", help="The other way round.")
    arguments = parser.parse_args(words)
    if not arguments.runs_dir.is_dir():
        raise UserError(f"--runs_dir: there is no directory '{arguments.runs_dir}'.")
    runs = read_runs(arguments.runs_dir)
    if not runs:
        sys.stdout.write(f"No runs under '{arguments.runs_dir}'. Make one with fit.\n")
        return
    if arguments.sort is not None:
        runs = sort_by(runs, arguments.sort)
    _print(runs[::-1] if arguments.reverse else runs, arguments.runs_dir, arguments.sort)


def read_runs(runs_dir: Path) -> list[Run]:
    """Give the runs below a directory, by their time stamps."""
    folders = {file.parent for file in runs_dir.glob("**/config.fit.yaml")}
    return [read_run(folder) for folder in sorted(folders, key=lambda folder: (folder.name, str(folder)))]


def sort_by(runs: Sequence[Run], metric: str) -> list[Run]:
    """Give the runs with the best value last, those without one first.

    Raises:
        UserError: No run has the metric.
    """
    known = {name for run in runs for name in run.metrics}
    if metric not in known:
        near = get_close_matches(metric, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else f" There are {', '.join(sorted(known)) or 'none'}."
        raise UserError(f"--sort {metric}: no run has this metric.{hint}")
    sign = -1 if _less_is_better(metric) else 1
    return sorted(runs, key=lambda run: (metric in run.metrics, sign * run.metrics.get(metric, 0.0)))


def read_run(path: Path) -> Run:
    """Read the config and metrics of a run directory."""
    config = _read_config(path / "config.fit.yaml")
    rows = _read_rows(path / "metrics.csv")
    checkpoint = ((config.get("checkpoint") or {}).get("init_args")) or {}
    monitor, mode = checkpoint.get("monitor"), checkpoint.get("mode")
    max_epochs = (config.get("trainer") or {}).get("max_epochs")
    epochs = len({row["epoch"] for row in rows if row.get("epoch") and row.get("val_loss")})
    metrics = {**_last_values(rows), **_read_metrics(path / "metrics.json")}
    values = [float(row[monitor]) for row in rows if monitor and row.get(monitor)]
    if values:
        metrics["best"] = min(values) if mode == "min" else max(values)
    # Written when training ends, also when early stopping ends it.
    ended = f"best_{monitor}" in metrics
    return Run(path, epochs, max_epochs, ended or epochs == max_epochs, monitor, metrics)


def _print(runs: Sequence[Run], runs_dir: Path, sort: str | None) -> None:
    monitors = {run.monitor for run in runs if run.monitor}
    best = f"best {monitors.pop()}" if len(monitors) == 1 else "best"
    metrics = ["best", *SHOWN, *([sort] if sort and sort not in ("best", *SHOWN) else [])]
    names = [best, *metrics[1:]]
    rows = [
        [str(run.path.relative_to(runs_dir)), _state(run), *(_number(run.metrics.get(name)) for name in metrics)]
        for run in runs
    ]
    print_table(["run", "epochs", *names], rows, numbers=names)


def _state(run: Run) -> str:
    reached = f"{run.epochs}/{run.max_epochs}" if run.max_epochs is not None else str(run.epochs)
    return f"{reached} done" if run.finished else reached


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _less_is_better(metric: str) -> bool:
    return any(word in metric for word in ("loss", "error", "ece"))


def _read_config(file: Path) -> dict[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - both are safe loaders
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            # A run that is under way may be writing its last line.
            return [row for row in csv.DictReader(lines) if None not in row]
    except (OSError, UnicodeDecodeError):
        return []


def _read_metrics(file: Path) -> dict[str, float]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    items = content.items() if isinstance(content, dict) else ()
    return {name: float(value) for name, value in items if isinstance(value, int | float)}


def _last_values(rows: Sequence[Mapping[str, str]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        found |= {name: float(value) for name, value in row.items() if value and name not in ("epoch", "step")}
    return found
