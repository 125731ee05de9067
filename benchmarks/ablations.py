"""Test accuracy with and without each ingredient of training, everything else alike, over the same seeds.

Each run is a whole `fit` that tests its best checkpoint, in a process of its own with one thread; --jobs of them at a
time. --results keeps what each gave: a call that was interrupted goes on where it stopped, and a row can be measured
with more seeds later. The difference of a row is the mean over the seeds of the difference within a seed, with the half
width of its 95% confidence interval (Student's t).

Run: python -m benchmarks.ablations --data FOLDER --results FILE [--seeds 5] [--rows NAME ...]
"""

import argparse
import json
import shlex
import statistics
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scipy.stats import t

from benchmarks.ablation_rows import ABLATIONS, Ablation, Run
from benchmarks.comparison import Command, cpu_environment, print_table
from benchmarks.folders import link_images


class Results:
    """Test accuracies, by run, in a file of one JSON object a line.

    Args:
        file: Need not exist.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self.accuracies = {Run(row["words"], row["seed"]): row["test_acc"] for row in map(json.loads, lines)}

    def add(self, run: Run, accuracy: float) -> None:
        """Keep the accuracy of a run."""
        self.accuracies[run] = accuracy
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"words": run.words, "seed": run.seed, "test_acc": accuracy}) + "\n")


def train(run: Run, data: Path) -> float:
    """Give the test accuracy of a run."""
    with tempfile.TemporaryDirectory() as runs_dir:
        words = [*shlex.split(run.words), "--seed_everything", str(run.seed)]
        Command(["main.py", "fit", *words, "--data.root", str(data), "--runs_dir", runs_dir], cpu_environment(1)).run()
        [metrics] = Path(runs_dir).rglob("metrics.json")
        accuracy: float = json.loads(metrics.read_text(encoding="utf-8"))["test_acc"]
        return accuracy


def train_missing(runs: Iterable[Run], results: Results, data: Path, jobs: int) -> None:
    """Train what has no result yet, `jobs` at a time."""
    missing = [run for run in dict.fromkeys(runs) if run not in results.accuracies]
    with ThreadPoolExecutor(jobs) as pool:
        for run, accuracy in zip(missing, pool.map(lambda run: train(run, data), missing), strict=True):
            results.add(run, accuracy)
            print(f"{accuracy:.4f}  seed {run.seed}  {run.words}", flush=True)


def table_row(name: str, ablation: Ablation, seeds: int, results: Results) -> list[str]:
    """Give name, both means with their standard deviations, and the difference with its confidence interval."""
    without, with_it = ([results.accuracies[run] for run in runs] for runs in ablation.runs(seeds))
    gains = [new - old for new, old in zip(with_it, without, strict=True)]
    return [name, spread(without), spread(with_it), f"{statistics.mean(gains):+.4f} ± {half_width(gains):.4f}"]


def spread(values: list[float]) -> str:
    """Write mean and standard deviation."""
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def half_width(values: list[float]) -> float:
    """Give the half width of the 95% confidence interval of a mean."""
    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds train/ and test/ with a folder per class each")
    parser.add_argument("--results", type=Path, required=True, help="file of what was measured; it is added to")
    parser.add_argument("--rows", nargs="+", choices=list(ABLATIONS), default=list(ABLATIONS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--train_images", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    return parser.parse_args()


def main() -> None:
    """Train what is missing and print the table."""
    arguments = read_arguments()
    chosen = {name: ABLATIONS[name] for name in arguments.rows}
    results = Results(arguments.results)
    runs = [run for ablation in chosen.values() for side in ablation.runs(arguments.seeds) for run in side]
    with tempfile.TemporaryDirectory() as folder:
        link_images(arguments.data / "train", Path(folder, "train"), arguments.train_images)
        link_images(arguments.data / "test", Path(folder, "test"), None)
        train_missing(runs, results, Path(folder), arguments.jobs)
    rows = [table_row(name, ablation, arguments.seeds, results) for name, ablation in chosen.items()]
    title = f"Test accuracy, {arguments.train_images} training images, {arguments.seeds} seeds"
    print_table(title, ["ingredient", "without", "with", "difference"], rows)


if __name__ == "__main__":
    main()
