"""What the files of a run tell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from litclassify.cli.config.yaml_text import FAST, load_yaml
from litclassify.cli.results.metric_files import read_metrics, read_rows
from litclassify.cli.runs.directory import FINISHED, METRICS_JSON, config_name, series_of
from litclassify.files.log_files import METRICS_CSV

# Logged when an epoch ends.
EPOCH_METRICS = {"train_loss", "val_loss"}


@dataclass(frozen=True)
class Run:
    """What the files of a run tell."""

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


def _last_values(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        found |= {name: value for name, value in row.items() if name not in ("epoch", "step")}
    return found
