"""Wrong labels that `audit` finds, by what it judges them: of the images of a folder, some get the label of another.

Each way lists suspected labels. Precision is the share of a list that is wrong, recall the share of the wrong ones that
it holds. Networks are trained on the images with the wrong labels, by a recipe for CIFAR-10, one on each half of them:
each judges what it was not trained on, or gives the features of all images.

Run: python -m benchmarks.label_errors DATA [--share 0.02] [--epochs 15]
DATA holds train/ and test/, a folder per class in each.
"""

import argparse
import csv
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.comparison import Command, cpu_environment, print_table

RECIPE = "configs/cifar10_airbench.yaml"
FIRST = (100, 500)


def with_wrong_labels(data: Path, root: Path, share: float) -> set[str]:
    """Link the images of a folder into another, a share of those in train/ under another class; give their paths."""
    generator = random.Random(0)
    classes = sorted(folder.name for folder in (data / "train").iterdir())
    files = sorted((data / "train").glob("*/*"))
    moved = set(generator.sample(files, round(share * len(files))))
    wrong = set()
    for file in [*files, *sorted((data / "test").glob("*/*"))]:
        place = file.relative_to(data)
        if file in moved:
            other = generator.choice([name for name in classes if name != file.parent.name])
            place = Path("train", other, f"{file.parent.name}_{file.name}")
            wrong.add(place.as_posix())
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(file.resolve())
    return wrong


def suspected(root: Path, words: Sequence[str], environment: dict[str, str]) -> list[str]:
    """Give the paths whose labels `audit` suspects, in its order."""
    with tempfile.TemporaryDirectory() as report:
        audit = ["main.py", "audit", "--data", "ImageFolder", "--data.root", str(root), "--output", report, *words]
        Command(audit, environment).run()
        with Path(report, "audit.csv").open(encoding="utf-8", newline="") as file:
            return [row["path"] for row in csv.DictReader(file) if row["kind"] == "label"]


def row(name: str, listed: Sequence[str], wrong: set[str]) -> list[str]:
    """Give the figures of a list; there is no precision of an empty one, or of the first of too few."""
    right = [path in wrong for path in listed]
    counts = (len(right), *FIRST)
    whole, *first = [f"{sum(right[:count]) / count:.2f}" if len(right) >= count > 0 else "-" for count in counts]
    return [name, f"{len(listed)}", whole, f"{sum(right) / len(wrong):.2f}", *first]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--share", type=float, default=0.02, help="Of the training images, that get a wrong label.")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    environment = cpu_environment(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        root, runs = Path(folder, "images"), Path(folder, "runs")
        wrong = with_wrong_labels(arguments.data, root, arguments.share)
        words = ["--data.root", str(root), "--data.val_split", "null", "--trainer.max_epochs", str(arguments.epochs)]
        words += ["--runs_dir", str(runs), "--test_after_fit", "false", "--folds", "2"]
        Command(["main.py", "fit", "--config", RECIPE, *words], environment).run()
        [series] = runs.glob("*/*")
        ways = {
            "gradients and colours": [],
            "features of a network that saw half of them": ["--ckpt_path", str(series / "fold_0")],
            "networks that never saw them": ["--predictions", str(series)],
        }
        rows = [row(name, suspected(root, way, environment), wrong) for name, way in ways.items()]
    header = ["judged by", "listed", "precision", "recall", *(f"precision of the first {n}" for n in FIRST)]
    print_table(f"{len(wrong):,} wrong labels, a share of {arguments.share:.0%}", header, rows)


if __name__ == "__main__":
    main()
