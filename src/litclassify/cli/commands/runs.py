"""`python main.py runs`."""

import csv
import io
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.commands.tables import print_table
from litclassify.cli.config.yaml_text import FAST, load_yaml
from litclassify.cli.runs.directory import FINISHED, METRICS_JSON, config_name, series_of
from litclassify.errors import UserError
from litclassify.files.log_files import METRICS_CSV
from litclassify.suggestions import nearest, some_of

SHOWN = ("val_loss", "val_acc", "test_acc")
ABSENT = "-"
# As fit takes it; environment_variables.py, which says so for all arguments, loads torch.
RUNS_DIR_VARIABLE = "LITCLASSIFY_RUNS_DIR"
# Logged when an epoch ends.
EPOCH_METRICS = {"train_loss", "val_loss"}


@dataclass(frozen=True)
class Run:
    """What the files of a run tell without loading a checkpoint."""

    path: Path
    epochs: int
    """Epochs that ended."""
    max_epochs: int | None
    """None where the number is open."""
    finished: bool
    monitor: str | None
    """Metric by which checkpoints are chosen."""
    mode: str
    """Whether its `min` or `max` is best."""
    metrics: Mapping[str, float]
    """Last value of each metric; under `best`, the best value of the monitored one."""


def main(words: list[str]) -> None:
    """List the runs, the newest last.

    Raises:
        UserError: There is no such directory or metric.
    """
    parser = CommandParser("runs", COMMANDS["runs"])
    default = Path(os.environ.get(RUNS_DIR_VARIABLE, "runs"))
    parser.add_argument("--runs_dir", type=Path, default=default, help="Directory that holds all runs.")
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
    folders = {file.parent for file in runs_dir.glob(f"**/{config_name('fit')}")}
    return [read_run(folder) for folder in sorted(folders, key=_by_time)]


def _by_time(run_dir: Path) -> tuple[str, str, int]:
    """Sort by time stamp; of a series, which has one for all runs, by seed or fold; what is neither comes first."""
    series = series_of(run_dir)
    if series is None:
        return run_dir.name, str(run_dir), 0
    number = run_dir.name.rpartition("_")[2]
    return series.name, str(series), int(number) if number.isdecimal() else -1


def sort_by(runs: Sequence[Run], metric: str) -> list[Run]:
    """Give the runs with the best value last, those without one first.

    `best` is comparable among runs that monitor the same metric: these stand together.

    Raises:
        UserError: No run has the metric.
    """
    known = {name for run in runs for name in run.metrics}
    if metric not in known:
        hint = nearest(metric, known) or f" There are {some_of(sorted(known)) or 'none'}."
        raise UserError(f"--sort {metric}: no run has this metric.{hint}")
    return sorted(runs, key=partial(_rank, metric=metric))


def _rank(run: Run, metric: str) -> tuple[bool, str, float]:
    value = run.metrics.get(metric, math.nan)
    if math.isnan(value):
        return False, "", 0.0
    less_is_better = run.mode == "min" if metric in ("best", run.monitor) else _less_is_better(metric)
    monitor = run.monitor if metric == "best" and run.monitor else ""
    return True, monitor, -value if less_is_better else value


def read_run(path: Path) -> Run:
    """Read the config and metrics of a run directory; what cannot be read is left out."""
    config = _read_config(path / config_name("fit"))
    rows = read_rows(path / METRICS_CSV)
    monitor = _at(config, "checkpoint", "init_args", "monitor")
    mode = _at(config, "checkpoint", "init_args", "mode") or "min"
    max_epochs = _at(config, "trainer", "max_epochs")
    epochs = len({row["epoch"] for row in rows if "epoch" in row and not EPOCH_METRICS.isdisjoint(row)})
    metrics = {**_last_values(rows), **read_metrics(path / METRICS_JSON)}
    values = [row[monitor] for row in rows if monitor in row and not math.isnan(row[monitor])]
    if values:
        metrics["best"] = min(values) if mode == "min" else max(values)
    limit = max_epochs if isinstance(max_epochs, int) and max_epochs >= 0 else None
    return Run(path, epochs, limit, (path / FINISHED).exists(), monitor, mode, metrics)


def _print(runs: Sequence[Run], runs_dir: Path, sort: str | None) -> None:
    monitors = {run.monitor for run in runs if run.monitor}
    best = f"best {monitors.pop()}" if len(monitors) == 1 else "best"
    metrics = ["best", *SHOWN, *([sort] if sort and sort not in ("best", *SHOWN) else [])]
    names = [best, *metrics[1:]]
    rows = [
        [str(run.path.relative_to(runs_dir)), _state(run), *(number_text(run.metrics.get(name)) for name in metrics)]
        for run in runs
    ]
    print_table(["run", "epochs", *names], rows, numbers=names, whole=["epochs"])


def _state(run: Run) -> str:
    reached = f"{run.epochs}/{run.max_epochs}" if run.max_epochs is not None else str(run.epochs)
    return f"{reached} done" if run.finished else reached


def number_text(value: float | None) -> str:
    """Give four decimals."""
    return ABSENT if value is None else f"{value:.4f}"


def _less_is_better(metric: str) -> bool:
    return any(word in metric for word in ("loss", "error", "ece"))


def _at(config: Any, *keys: str) -> Any:
    """Give a value of a config; None where it, or a section above it, is missing."""
    for key in keys:
        config = config.get(key) if isinstance(config, dict) else None
    return config


def _read_config(file: Path) -> Any:
    try:
        return load_yaml(file.read_text(encoding="utf-8"), FAST)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def read_rows(file: Path) -> list[dict[str, float]]:
    """Give the numbers of each line, without the columns that are empty in it.

    The last line is left out where a run that is under way has not yet ended it: half a number is a number, too.
    """
    try:
        text = file.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        return [_numbers(row) for row in csv.DictReader(io.StringIO(whole))]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def read_metrics(file: Path) -> dict[str, float]:
    """Give the numbers of a file of test metrics; none if it cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return _numbers(content) if isinstance(content, dict) else {}


def _numbers(items: Mapping[Any, Any]) -> dict[str, float]:
    """Give what is a number, by name."""
    found = {}
    for name, value in items.items():
        if value == "":  # Most cells are empty: to try each would take most of the time of a long list.
            continue
        with suppress(TypeError, ValueError):
            found[name] = float(value)
    return found


def _last_values(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        found |= {name: value for name, value in row.items() if name not in ("epoch", "step")}
    return found
