"""What `compare` puts side by side: a run, or all runs of a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from litclassify.cli.config.files import read_config
from litclassify.cli.config.keys import flatten
from litclassify.cli.results.run import Run, read_run
from litclassify.cli.runs.directory import SERIES, config_name
from litclassify.cli.runs.series import load_series
from litclassify.errors import UserError
from litclassify.evaluation.predictions_file import read_answers
from litclassify.tables import number_text

# What each run has of its own in any case.
OWN_KEYS = ("config", "ckpt_path", "run_name", "runs_dir")
VARIES = "(varies)"
Answers = Mapping[tuple[str, str], bool]
"""Whether each test image, by path and target, is right."""


@dataclass(frozen=True)
class Compared:
    """A run by itself, or the runs of `fit --repeat` or `fit --folds` that ended well."""

    folder: Path
    runs: Sequence[Run]
    kind: str | None = None
    """What tells the runs of a series apart, `seed` or `fold`; None for a run by itself."""

    @cached_property
    def values(self) -> dict[str, list[float]]:
        """Each metric of the runs that have it."""
        names = dict.fromkeys(name for run in self.runs for name in run.metrics)
        return {name: [run.metrics[name] for run in self.runs if name in run.metrics] for name in names}

    def text(self, metric: str) -> str:
        """Give a metric; of several runs its mean, and their standard deviation."""
        values = self.values.get(metric)
        if values is None or len(values) == 1:
            return number_text(values[0] if values else None)
        return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"

    @property
    def settings(self) -> dict[str, str]:
        """Each value under its key as typed; one that is not the same in all runs of a series, as the seed, says so."""
        first, *others = (_settings(run.path) for run in self.runs)
        return {key: value if all(o.get(key) == value for o in others) else VARIES for key, value in first.items()}

    @property
    def answers(self) -> Answers:
        """Which test images are right; empty for a series, and for a run without a test."""
        return {} if self.kind else read_answers(self.folder)


def read_compared(folder: Path) -> Compared:
    """Read a run or a series.

    Raises:
        UserError: It is neither, or a series of which no run has ended.
    """
    if (folder / config_name("fit")).is_file():
        return Compared(folder, [read_run(folder)])
    if not (folder / SERIES).is_file():
        raise UserError(f"'{folder}' is not a run: it has no {config_name('fit')}.{_runs_within(folder)}")
    series = load_series(folder)
    runs = [read_run(series.run_dir(number)) for number in series.finished]
    if not runs:
        raise UserError(f"'{folder}' is a series of which no run has ended. fit --ckpt_path {folder} goes on with it.")
    return Compared(folder, runs, series.kind)


def _runs_within(folder: Path) -> str:
    """Say how to name the runs in a folder; empty if there are none."""
    for level in ("*", "*/*"):
        if any(any(folder.glob(f"{level}/{name}")) for name in (config_name("fit"), SERIES)):
            return f" It holds runs: give two or more of them, or all by {folder / level}."
    return ""


def _settings(run: Path) -> dict[str, str]:
    config = read_config(run / config_name("fit"))
    return dict(flatten({key: value for key, value in config.items() if key not in OWN_KEYS}))
