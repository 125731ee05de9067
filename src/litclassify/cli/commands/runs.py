"""`python main.py runs`."""

import math
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.config.metric_names import best_mode
from litclassify.cli.own_variables import PREFIX
from litclassify.cli.results.run import Run, read_runs
from litclassify.errors import UserError
from litclassify.suggestions import nearest, some_of
from litclassify.tables import number_text, print_table

SHOWN = ("val_loss", "val_acc", "test_acc")
# As fit takes it; environment_variables.py, which says so for all arguments, loads torch.
RUNS_DIR_VARIABLE = f"{PREFIX}RUNS_DIR"


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
    runs_dir = arguments.runs_dir.expanduser()
    if not runs_dir.is_dir():
        raise UserError(f"--runs_dir: there is no directory '{runs_dir}'.")
    runs = read_runs(runs_dir)
    if not runs:
        sys.stdout.write(f"No runs under '{runs_dir}'. Make one with fit.\n")
        return
    if arguments.sort is not None:
        runs = sort_by(runs, arguments.sort)
    _print(runs[::-1] if arguments.reverse else runs, runs_dir, arguments.sort)


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
    is_minimised = run.mode == "min" if metric in ("best", run.monitor) else best_mode(metric) == "min"
    monitor = run.monitor if metric == "best" and run.monitor else ""
    return True, monitor, -value if is_minimised else value


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
    if run.finished and not run.epochs:
        return "done"  # Its logger was another than that of metrics.csv.
    reached = f"{run.epochs}/{run.max_epochs}" if run.max_epochs is not None else str(run.epochs)
    return f"{reached} done" if run.finished else reached
