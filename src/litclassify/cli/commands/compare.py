"""`python main.py compare RUN RUN [RUN ...]`."""

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import ttest_ind

from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.config.differences import differing_rows
from litclassify.cli.results.compared import Compared, read_compared
from litclassify.errors import UserError
from litclassify.evaluation.paired import mcnemar_test
from litclassify.tables import print_table

# Fewer values have no spread.
MIN_VALUES = 2


def main(words: list[str]) -> None:
    """Print metrics, differing settings and tests of runs side by side.

    Raises:
        UserError: There are fewer than two, or one is not a run.
    """
    parser = CommandParser("compare", COMMANDS["compare"])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="Directory of a run, or of several seeds.")
    given = parser.parse_args(words).runs
    folders = list({folder.resolve(): folder for folder in given}.values())
    read = [read_compared(folder) for folder in folders]
    if len(folders) < 2:  # noqa: PLR2004
        raise UserError(f"compare takes at least 2 runs, got {len(folders)}.")
    compared = dict(zip(_shortened(folders), read, strict=True))
    names = list(compared)
    print_table(["metric", *names], metric_rows(list(compared.values())), numbers=names, whole=["metric"])
    settings = [each.settings for each in compared.values()]
    _print_section("Settings that differ", ["key", *names], differing_rows(settings))
    alone = {name: each for name, each in compared.items() if each.kind is None}
    repeated = {name: each for name, each in compared.items() if each.kind == "seed"}
    if len(alone) > 1:
        title, header = (
            "Test images that only one of two has right (McNemar's test)",
            ["A", "B", "only A", "only B", "p"],
        )
        _print_section(title, header, paired_rows(alone))
    if len(repeated) > 1:
        title, header = "Means over seeds (Welch's t-test)", ["A", "B", "metric", "A - B", "p"]
        _print_section(title, header, mean_rows(repeated))


def metric_rows(compared: Sequence[Compared]) -> list[list[str]]:
    """Give the best value of what was monitored, and all metrics of the last epoch and the test, one in a row."""
    names = sorted({name for each in compared for name in each.values if name.startswith(("best", "test_", "val_"))})
    return [[name, *(each.text(name) for each in compared)] for name in names]


def paired_rows(runs: Mapping[str, Compared]) -> list[list[str]]:
    """Give a row for each two runs: how many images only one of them has right, and how likely that is by chance."""
    rows = []
    answers = {name: run.answers for name, run in runs.items()}
    for (a, first), (b, second) in combinations(answers.items(), 2):
        if not first or first.keys() != second.keys():
            rows.append([a, b, "-", "-", "no common test images"])
            continue
        test = mcnemar_test(np.array(list(first.values())), np.array([second[key] for key in first]))
        rows.append([a, b, f"{test.only_first}", f"{test.only_second}", f"{test.p_value:.2g}"])
    return rows


def mean_rows(series: Mapping[str, Compared]) -> list[list[str]]:
    """Give a row for each two series: how far their means are apart, and how likely so far by chance.

    The metric is the one that checkpoints go by, of the test if there is one.
    """
    rows = []
    for (a, first), (b, second) in combinations(series.items(), 2):
        metric = _metric_of(first, second)
        values = [each.values.get(metric, []) for each in (first, second)]
        if min(map(len, values)) < MIN_VALUES or not any(map(np.ptp, values)):
            rows.append([a, b, metric, "-", "too few runs, or all alike"])
            continue
        p_value = float(ttest_ind(*values, equal_var=False).pvalue)
        difference = float(np.mean(values[0]) - np.mean(values[1]))
        rows.append([a, b, metric, f"{difference:+.4f}", f"{p_value:.2g}"])
    return rows


def _metric_of(first: Compared, second: Compared) -> str:
    tested = str(first.runs[0].monitor).replace("val_", "test_", 1)
    return tested if tested in first.values and tested in second.values else "best"


def _shortened(folders: Sequence[Path]) -> list[str]:
    """Give the paths without what all of them begin with."""
    above = Path(os.path.commonpath([folder.absolute().parent for folder in folders]))
    return [str(folder.absolute().relative_to(above)) for folder in folders]


def _print_section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    sys.stdout.write(f"\n{title}\n" if rows else f"\n{title}: none\n")
    if rows:
        print_table(header, rows, whole=[header[0]])
