"""What the parts of a report cost: figures, tables and pages of 50,000 random predictions, without a network.

Each row is CPU time, and its share of the whole, from logits to files.

Run: python -m benchmarks.report_parts [--classes 1000] [--pictures DIR]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.comparison import print_table
from litclassify.callbacks.evaluation.report_output import write_report
from litclassify.evaluation import Evaluation, bootstrap_intervals, class_table, summary
from litclassify.evaluation import figures as draw
from litclassify.evaluation.report import Picture, Report, evaluation_tables

T = TypeVar("T")


def predictions(num_images: int, num_classes: int) -> Evaluation:
    """Give logits by which most images are right, and others are of a class like their own, or of any."""
    generator = np.random.default_rng(0)
    targets = generator.integers(num_classes, size=num_images)
    logits = generator.normal(size=(num_images, num_classes)).astype(np.float32)
    rows = np.arange(num_images)
    logits[rows, targets] += 6
    logits[rows, generator.permutation(num_classes)[targets]] += 4.5
    logits[rows, generator.integers(num_classes, size=num_images)] += 4
    return Evaluation(logits, targets, [f"class {k}" for k in range(num_classes)])


class Stopwatch:
    """Measures parts one after the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, part: Callable[[], T]) -> T:
        """Give what a part gives."""
        start = time.process_time()
        result = part()
        self.seconds[name] = time.process_time() - start
        return result


def measure(evaluation: Evaluation, folder: Path) -> dict[str, float]:
    """Give the seconds of each part."""
    watch = Stopwatch()
    table = watch.time("scores of classes", lambda: class_table(evaluation))
    metrics = watch.time("metrics", lambda: summary(evaluation, table))
    intervals = watch.time("confidence intervals", lambda: bootstrap_intervals(evaluation, 1000))
    tables = watch.time("tables", lambda: evaluation_tables(evaluation, table, metrics, intervals))
    figures = {
        "confusion matrix": lambda: draw.confusion_figure(evaluation, normalised=False),
        "confusion matrix normalised": lambda: draw.confusion_figure(evaluation, normalised=True),
        "class accuracy": lambda: draw.class_figure(evaluation, table),
        "reliability": lambda: draw.reliability_figure({"as it is": evaluation}),
        "confidence": lambda: draw.confidence_figure(evaluation),
        "coverage": lambda: draw.coverage_figure(evaluation),
        "precision and recall": lambda: draw.precision_recall_figure(evaluation, table),
        "ROC": lambda: draw.roc_figure(evaluation, table),
    }
    pictures = [
        watch.time(name, lambda make=make, name=name: Picture.of(make(), name, "")) for name, make in figures.items()
    ]
    watch.time("files", lambda: write_report(Report("Test", {}, tables, pictures, {}), folder))
    return watch.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--pictures", type=Path, help="Where to leave the report.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(predictions(arguments.images, arguments.classes), arguments.pictures or Path(folder))
    whole = sum(seconds.values())
    rows = [[name, f"{value:.2f}", f"{value / whole:.0%}"] for name, value in {**seconds, "whole": whole}.items()]
    print_table(f"{arguments.images:,} images, {arguments.classes:,} classes", ["part", "CPU seconds", "share"], rows)


if __name__ == "__main__":
    main()
