"""Test accuracy with and without each ingredient of training, everything else alike, over the same seeds.

Each run is a whole `fit` that tests its best checkpoint, unless its row is about another one, in a process of its own
with one thread; --jobs of them at a time. Trainings that others start from, or learn from, come first. --results keeps
what each gave: a call that was interrupted goes on where it stopped, and a row can be measured with more seeds later.
The difference of a row is the mean over the seeds of the difference within a seed, with the half
width of its 95% confidence interval (Student's t).

Run: python -m benchmarks.ablations --data FOLDER --results FILE [--seeds 5] [--accelerator gpu] [--rows NAME ...]
"""

import argparse
import json
import shlex
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from scipy.stats import t

from benchmarks.ablation_rows import ABLATIONS, Accelerator, Run
from benchmarks.comparison import Command, print_table
from benchmarks.folders import link_classes

CLASSES = 10
# Of the longest and the shortest class: https://arxiv.org/abs/1901.05555, section 5.1.
LONG_TAIL = (500, 5)


class Results:
    """Test accuracies, by run, in a file of one JSON object a line.

    Args:
        file: Need not exist.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        rows = [json.loads(line) for line in lines]
        accuracies = [row.pop("test_acc") for row in rows]
        self.accuracies = {Run(**row): accuracy for row, accuracy in zip(rows, accuracies, strict=True)}

    def add(self, run: Run, accuracy: float) -> None:
        """Keep the accuracy of a run."""
        self.accuracies[run] = accuracy
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**asdict(run), "test_acc": accuracy}) + "\n")


def link_training_images(source: Path, folder: Path) -> None:
    """Link the images of each kind into `folder/<kind>/`."""
    names = sorted(path.name for path in (source / "train").iterdir())
    longest, shortest = LONG_TAIL
    counts: dict[str, list[int]] = {
        "balanced": [longest] * CLASSES,
        "long_tailed": [round(longest * (shortest / longest) ** (i / (CLASSES - 1))) for i in range(CLASSES)],
        "few": [20 * (i % 2) for i in range(CLASSES)],
        "pretraining": [2000 * (1 - i % 2) for i in range(CLASSES)],
    }
    for kind, images in counts.items():
        wanted = {name: count for name, count in zip(names, images, strict=True) if count}
        link_classes(source / "train", folder / kind / "train", wanted)
        link_classes(source / "test", folder / kind / "test", dict.fromkeys(wanted))


def train(run: Run, data: Path, runs_dir: Path, checkpoints: Mapping[str, Path]) -> float:
    """Give the test accuracy of a training.

    Args:
        run: What to train, and which of its checkpoints counts.
        data: It holds train/ and test/.
        runs_dir: Empty; it gets the run.
        checkpoints: Files that the words of the run name.
    """
    words = run.words.format_map(checkpoints)
    where = ["--data.root", str(data), "--runs_dir", str(runs_dir), "--trainer.accelerator", run.accelerator]
    call("fit", *shlex.split(words), "--seed_everything", str(run.seed), *where)
    [checkpoint] = runs_dir.rglob("last.ckpt")
    if run.tested == "average":
        directory, checkpoint = checkpoint.parent.parent, runs_dir / "average.ckpt"
        call("average", str(directory), "--output", str(checkpoint))
    if run.tested != "best":
        call("test", "--ckpt_path", str(checkpoint), *where)
    metrics = max(runs_dir.rglob("metrics.json"), key=lambda file: file.stat().st_mtime_ns)
    accuracy: float = json.loads(metrics.read_text(encoding="utf-8"))["test_acc"]
    return accuracy


def call(*words: str) -> None:
    """Run a command of LitClassify on one thread."""
    Command(["main.py", *words], {"OMP_NUM_THREADS": "1"}).run()


def train_missing(runs: Iterable[Run], results: Results, folder: Path, jobs: int) -> None:
    """Train what has no result yet, `jobs` at a time, after the trainings that it starts from."""
    missing = [run for run in dict.fromkeys(runs) if run not in results.accuracies]
    first = dict.fromkeys(before for run in missing for before in run.before().values())
    last_checkpoints: dict[Run, Path] = {}

    def accuracy_of(run: Run) -> float:
        runs_dir = Path(tempfile.mkdtemp(dir=folder))
        checkpoints = {name: last_checkpoints[before] for name, before in run.before().items()}
        accuracy = train(run, folder / run.images, runs_dir, checkpoints)
        [last_checkpoints[run]] = runs_dir.rglob("last.ckpt")
        return accuracy

    with ThreadPoolExecutor(jobs) as pool:
        for group in (first, missing):
            for run, accuracy in zip(group, pool.map(accuracy_of, group), strict=True):
                results.add(run, accuracy)
                print(f"{accuracy:.4f}  {run}", flush=True)


def table_row(name: str, runs: tuple[list[Run], list[Run]], results: Results) -> list[str]:
    """Give name, both means with their standard deviations, and the difference with its confidence interval."""
    without, with_it = ([results.accuracies[run] for run in side] for side in runs)
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
    parser.add_argument("--accelerator", choices=get_args(Accelerator), default="cpu")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    return parser.parse_args()


def main() -> None:
    """Train what is missing and print the table."""
    arguments = read_arguments()
    results = Results(arguments.results)
    rows = {name: ABLATIONS[name].runs(arguments.seeds, arguments.accelerator) for name in arguments.rows}
    runs = [run for sides in rows.values() for side in sides for run in side]
    with tempfile.TemporaryDirectory() as folder:
        link_training_images(arguments.data, Path(folder))
        train_missing(runs, results, Path(folder), arguments.jobs)
    cells = [table_row(name, sides, results) for name, sides in rows.items()]
    print_table(f"Test accuracy, {arguments.seeds} seeds", ["ingredient", "without", "with", "difference"], cells)


if __name__ == "__main__":
    main()
