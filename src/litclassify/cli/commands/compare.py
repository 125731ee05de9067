"""`python main.py compare RUN RUN [RUN ...]`."""

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.commands.runs import Run, number_text, read_run
from litclassify.cli.commands.tables import print_table
from litclassify.cli.config.differences import differences
from litclassify.cli.config.files import read_config
from litclassify.cli.runs.directory import config_name
from litclassify.errors import UserError
from litclassify.evaluation.paired import mcnemar_test
from litclassify.evaluation.predictions_file import read_answers

# What each run has of its own in any case.
OWN_KEYS = ("config", "ckpt_path", "run_name", "runs_dir")
Answers = Mapping[tuple[str, str], bool]
"""Whether each test image, by path and target, is right."""


def main(words: list[str]) -> None:
    """Print metrics, differing settings and a paired test of runs side by side.

    Raises:
        UserError: There are fewer than two, or one is no run.
    """
    parser = CommandParser("compare", COMMANDS["compare"])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="Directory of a run.")
    given = parser.parse_args(words).runs
    folders = list(dict.fromkeys(given))
    if len(folders) < 2:  # noqa: PLR2004
        raise UserError(f"compare takes at least 2 runs, got {len(folders)}.")
    for folder in folders:
        if not (folder / config_name("fit")).is_file():
            raise UserError(f"'{folder}' is no run: it has no {config_name('fit')}.")
    names = _shortened(folders)
    runs = [read_run(folder) for folder in folders]
    print_table(["metric", *names], metric_rows(runs), numbers=names, whole=["metric"])
    configs = [_config(folder) for folder in folders]
    _print_section("Settings that differ", ["key", *names], differences(configs))
    _print_section(
        "Test images that only one of two has right (McNemar's test)",
        ["A", "B", "only A", "only B", "p"],
        paired_rows(dict(zip(names, map(read_answers, folders), strict=True))),
    )


def metric_rows(runs: Sequence[Run]) -> list[list[str]]:
    """Give the best value of what was monitored, and all metrics of the last epoch and the test, one in a row."""
    names = sorted({name for run in runs for name in run.metrics if name.startswith(("best", "test_", "val_"))})
    return [[name, *(number_text(run.metrics.get(name)) for run in runs)] for name in names]


def paired_rows(answers: Mapping[str, Answers]) -> list[list[str]]:
    """Give a row for each two runs: how many images only one of them has right, and how likely that is by chance."""
    rows = []
    for (a, first), (b, second) in combinations(answers.items(), 2):
        if not first or first.keys() != second.keys():
            rows.append([a, b, "-", "-", "no common test images"])
            continue
        test = mcnemar_test(np.array(list(first.values())), np.array([second[key] for key in first]))
        rows.append([a, b, f"{test.only_first}", f"{test.only_second}", f"{test.p_value:.2g}"])
    return rows


def _shortened(folders: Sequence[Path]) -> list[str]:
    """Give the paths without what all of them begin with."""
    above = Path(os.path.commonpath([folder.absolute().parent for folder in folders]))
    return [str(folder.absolute().relative_to(above)) for folder in folders]


def _config(run: Path) -> dict[str, object]:
    config = read_config(run / config_name("fit"))
    return {key: value for key, value in config.items() if key not in OWN_KEYS}


def _print_section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    sys.stdout.write(f"\n{title}\n" if rows else f"\n{title}: none\n")
    if rows:
        print_table(header, rows, whole=[header[0]])
