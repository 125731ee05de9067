"""What the runs of a series ended with: a table to read, and files of it."""

import csv
import io
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from litclassify.cli.results.metric_files import read_metrics, read_rows
from litclassify.cli.results.run import read_run
from litclassify.cli.runs.directory import METRICS_JSON, SUMMARY
from litclassify.cli.runs.series import Series
from litclassify.cli.series.estimate import Estimate, estimate
from litclassify.files.durable_files import replacing
from litclassify.files.log_files import METRICS_CSV
from litclassify.tables import number_text, print_table

Metrics = Mapping[str, float]
# Runs that have a spread.
FEWEST = 2
STATISTICS = {"mean": "mean", "std": "std", "low": "95% from", "high": "95% to"}


class Summary:
    """Final metrics of a series: those of validation at the best checkpoint, and those of the test.

    Args:
        series: Whose finished runs are read.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self.metrics = {number: final_metrics(series.run_dir(number)) for number in series.finished}
        names = dict.fromkeys(name for metrics in self.metrics.values() for name in metrics)
        self.names = sorted(names, key=lambda name: (name.startswith("test_"), name))

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Estimate of each metric, by name."""
        values = {name: [each[name] for each in self.metrics.values() if name in each] for name in self.names}
        return {name: estimate(each, name) for name, each in values.items()}

    @property
    def best(self) -> str | None:
        """Name of the run that did best by the metric that it monitors; None among folds, which differ in images."""
        runs = [read_run(self.series.run_dir(number)) for number in self.series.finished]
        scores = {run.path.name: run.metrics["best"] for run in runs if "best" in run.metrics}
        if self.series.kind == "fold" or not scores:
            return None
        return (min if runs[0].mode == "min" else max)(scores, key=scores.__getitem__)

    def rows(self, names: Sequence[str]) -> list[list[str]]:
        """Give a row for each run, and after an empty one those of the estimates."""
        runs = [
            [_label(self.series, number), *(number_text(self.metrics.get(number, {}).get(name)) for name in names)]
            for number in self.series.exit_codes
        ]
        estimates = [
            [title, *(number_text(getattr(self.estimates[name], key)) for name in names)]
            for key, title in STATISTICS.items()
        ]
        return [*runs, [""] * (1 + len(names)), *estimates]

    def write(self) -> None:
        """Write `summary.md`, `summary.csv` and `summary.json`."""
        json_text = json.dumps(self._json(), indent=2) + "\n"
        for suffix, text in {".md": self.markdown(), ".csv": self._csv(), ".json": json_text}.items():
            with replacing((self.series.folder / SUMMARY).with_suffix(suffix)) as file:
                file.write(text.encode())

    def print(self) -> None:
        """Print the table, as several below each other where a terminal is too narrow for one."""
        for names in _groups(self.names, [row[0] for row in self.rows([])]):
            sys.stdout.write("\n")
            print_table(["run", *names], self.rows(names), numbers=names, whole=["run"])
        if len(self.metrics) == FEWEST:
            # Student's t with one degree of freedom, over the root of 2.
            sys.stdout.write("Two runs are few: their interval is the mean ± 9 standard deviations.\n")

    def markdown(self) -> str:
        """Give the table in Markdown."""
        lines = [["run", *self.names], ["---", *("---:" for _ in self.names)], *self.rows(self.names)]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines if any(line))

    def _csv(self) -> str:
        """Give a line for each run, with all digits."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [self.series.kind, "exit_code", *self.names])
        writer.writeheader()
        for number, code in self.series.exit_codes.items():
            writer.writerow({self.series.kind: number, "exit_code": code, **self.metrics.get(number, {})})
        return text.getvalue()

    def _json(self) -> dict[str, Any]:
        runs = [
            {"run": self.series.run_dir(number).name, "exit_code": code, **self.metrics.get(number, {})}
            for number, code in self.series.exit_codes.items()
        ]
        return {"best": self.best, "metrics": {name: asdict(e) for name, e in self.estimates.items()}, "runs": runs}


def final_metrics(run_dir: Path) -> dict[str, float]:
    """Give the validation metrics at the best checkpoint, of the last validation if none is, and the test metrics."""
    run = read_run(run_dir)
    rows = [_starting_with("val_", row) for row in read_rows(run_dir / METRICS_CSV)]
    rows = [row for row in rows if row]
    best = run.metrics.get(f"best_{run.monitor}", math.nan)
    at_best = [row for row in rows if row.get(str(run.monitor)) == best]
    validated = next(reversed(at_best or rows), {})  # The latest of equal ones is the best checkpoint.
    return validated | _starting_with("test_", read_metrics(run_dir / METRICS_JSON))


def _starting_with(prefix: str, metrics: Metrics) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name.startswith(prefix)}


def _label(series: Series, number: int) -> str:
    name, code = series.run_dir(number).name, series.exit_codes[number]
    if code == 0:
        return name
    if code is None:
        return f"{name} (not run)" if not series.run_dir(number).exists() else f"{name} (unfinished)"
    return f"{name} (exit code {code})" if code > 0 else f"{name} (signal {-code})"


def _groups(names: Sequence[str], labels: Sequence[str]) -> list[list[str]]:
    """Divide columns so that each group, beside that of the labels, fits the terminal."""
    if not sys.stdout.isatty():
        return [list(names)]
    width = shutil.get_terminal_size().columns - max(map(len, labels))
    groups: list[list[str]] = [[]]
    for name in names:
        if groups[-1] and sum(len(other) + 1 for other in (*groups[-1], name)) > width:
            groups.append([])
        groups[-1].append(name)
    return groups
