"""Training on one GPU: CIFAR-10 to 94%, and ResNet-50 against a loop written by hand. Ends at once where there is none.

CIFAR-10: the recipe with ten seeds; test accuracy, the seconds that training takes from the start of each epoch to
the end of its last step, without compiling and what else is done once before the first step, and those of the whole
command, with it. ResNet-50 at 224, bfloat16, channels last, compiled: images per second after the skipped steps, of
the loop by hand on one batch on the device, of LitClassify on the same batch, and of LitClassify on JPEG files cached
in memory; then the cached files with a network that costs nothing, which is all that the input pipeline can give.
Each run is a process of its own, ResNet-50's in alternation; what is compared are medians.

Run: python -m benchmarks.gpu [--parts cifar10 resnet50] [--runs 10] [--rounds 3] [--data_root data]
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.comparison import Command, alternate, median_ratio, print_table
from benchmarks.folders import write_jpegs

SPEEDRUN = "configs/cifar10_speedrun.yaml"
CLOCK = ["--allow_import", "benchmarks", "--trainer.callbacks+=benchmarks.gpu_parts.TrainingClock"]
TRAINER = [
    "--seed_everything",
    "0",
    "--trainer.devices",
    "1",
    "--trainer.max_epochs",
    "1",
    "--early_stopping",
    "null",
    "--checkpoint",
    "null",
]
OPTIMIZER = ["--model.optimizer", "SGD", "--model.optimizer.lr", "0.01", "--model.optimizer.momentum", "0.9"]
OPTIMIZER += ["--model.optimizer.weight_decay", "0.00005"]
RESNET50 = ["--model.network", "benchmarks.gpu_parts.seeded_resnet50", "--trainer.precision", "bf16-mixed"]
RESNET50 += ["--model.channels_last", "true", "--model.compile", "true"]
NO_NETWORK = ["--model.network", "benchmarks.gpu_parts.PoolingNetwork"]
CACHED = ["--data", "ImageFolder", "--data.cache", "ram"]
T = TypeVar("T")
PHOTOGRAPH_SIZE = (375, 500)  # Height and width; the usual size in ImageNet.


@dataclass(frozen=True)
class Timed:
    """What a clock wrote: seconds, images, and the loss of the last step."""

    seconds: float
    images: int
    loss: float

    @property
    def images_per_s(self) -> float:
        """Throughput."""
        return self.images / self.seconds


@dataclass(frozen=True)
class Fitted:
    """What a command gave: its clock, its seconds from start to end, and the test accuracy, if there was a test."""

    clock: Timed
    command_s: float
    test_acc: float | None


def shown(run: T) -> T:
    """Print a run as soon as it has ended: what comes after it can take long."""
    print(run, file=sys.stderr, flush=True)
    return run


def fit(flags: Sequence[str], skipped_steps: int = 0, *, warms_up: bool = False) -> Fitted:
    """Run LitClassify's command with a clock."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Path(folder, "clock.json")
        timing = [*CLOCK, "--trainer.callbacks.path", str(clock)]
        timing += ["--trainer.callbacks.skipped_steps", str(skipped_steps)]
        timing += ["--trainer.callbacks.warms_up", str(warms_up).lower()]
        command_s, _ = Command(["main.py", "fit", *flags, *timing, "--runs_dir", folder]).run()
        metrics = next(Path(folder).rglob("metrics.json"), None)
        test_acc = json.loads(metrics.read_text(encoding="utf-8"))["test_acc"] if metrics else None
        return shown(Fitted(Timed(**json.loads(clock.read_text(encoding="utf-8"))), command_s, test_acc))


def by_hand(arguments: argparse.Namespace) -> Timed:
    """Run the loop written by hand."""
    words = ["-m", "benchmarks.compiled_loop", "--device", arguments.device, "--image_size", str(arguments.image_size)]
    words += ["--batch_size", str(arguments.batch_size), "--steps", str(arguments.steps)]
    _, printed = Command([*words, "--skipped_steps", str(arguments.skipped_steps)]).run()
    return shown(Timed(**json.loads(printed.splitlines()[-1])))


def synthetic(arguments: argparse.Namespace) -> Timed:
    """Run LitClassify's command on one batch on the device."""
    data = ["--data", "benchmarks.gpu_parts.SyntheticImages", "--data.device", arguments.device]
    data += ["--data.steps", str(arguments.skipped_steps + arguments.steps)]
    data += ["--data.batch_size", str(arguments.batch_size), "--data.image_size", str(arguments.image_size)]
    return fit([*data, *RESNET50, *OPTIMIZER, *TRAINER], arguments.skipped_steps).clock


def cached(root: Path, network: Sequence[str], arguments: argparse.Namespace) -> Timed:
    """Run LitClassify's command on a folder that is cached in memory."""
    data = [*CACHED, "--data.root", str(root), "--data.image_size", str(arguments.image_size)]
    data += ["--data.batch_size", str(arguments.batch_size), "--trainer.limit_val_batches", "0"]
    return fit([*data, *network, *OPTIMIZER, *TRAINER], arguments.skipped_steps).clock


def compare_resnet50(arguments: argparse.Namespace) -> None:
    """Print images per second of each way, and their ratio to the loop by hand."""
    with tempfile.TemporaryDirectory() as folder:
        images = (arguments.skipped_steps + arguments.steps) * arguments.batch_size
        write_jpegs(Path(folder, "train"), images, PHOTOGRAPH_SIZE)
        write_jpegs(Path(folder, "val"), 10, PHOTOGRAPH_SIZE)
        ways: dict[str, Callable[[], Timed]] = {
            "by hand, synthetic": partial(by_hand, arguments),
            "LitClassify, synthetic": partial(synthetic, arguments),
            "LitClassify, cached": partial(cached, Path(folder), RESNET50, arguments),
            "LitClassify, cached, no network": partial(cached, Path(folder), NO_NETWORK, arguments),
        }
        results = alternate(ways, arguments.rounds)
    speeds = {name: [run.images_per_s for run in runs] for name, runs in results.items()}
    rows = [
        [
            name,
            f"{statistics.median(speeds[name]):,.0f}",
            f"{median_ratio(speeds[name], speeds['by hand, synthetic']):.3f}",
            f"{statistics.median(run.loss for run in runs):.3f}",
        ]
        for name, runs in results.items()
    ]
    title = f"ResNet-50, batch size {arguments.batch_size}, {arguments.steps} steps, {arguments.rounds} rounds"
    print_table(title, ["way", "images/s", "÷ by hand", "last loss"], rows)


def speedrun(arguments: argparse.Namespace) -> None:
    """Print test accuracy, seconds of training and of the command over the seeds."""
    flags = ["--config", SPEEDRUN, "--data.root", str(Path(arguments.data_root).resolve())]
    runs = [fit([*flags, "--seed_everything", str(seed)], warms_up=True) for seed in range(arguments.runs)]
    accuracies = [run.test_acc for run in runs if run.test_acc is not None]
    seconds = [run.clock.seconds for run in runs]
    deviation = statistics.stdev(accuracies) if len(accuracies) > 1 else math.nan
    row = [f"{statistics.mean(accuracies):.4f}", f"{deviation:.4f}", f"{min(accuracies):.4f}"]
    row += [f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}"]
    row.append(f"{statistics.median(run.command_s for run in runs):.1f}")
    columns = ["mean test_acc", "deviation", "least", "training, s (median)", "slowest, s", "command, s (median)"]
    print_table(f"CIFAR-10, {arguments.runs} seeds", columns, [row])


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=["cifar10", "resnet50"], default=["cifar10", "resnet50"])
    parser.add_argument("--runs", type=int, default=10, help="seeds of CIFAR-10")
    parser.add_argument("--data_root", default="data", help="folder of CIFAR-10")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--skipped_steps", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--image_size", type=int, default=224)
    return parser.parse_args()


def main() -> None:
    """Run the parts that are asked for."""
    arguments = read_arguments()
    if not torch.cuda.is_available():
        print("There is no CUDA device: nothing was measured.")
        return
    arguments.device = "cuda"
    if "cifar10" in arguments.parts:
        speedrun(arguments)
    if "resnet50" in arguments.parts:
        compare_resnet50(arguments)


if __name__ == "__main__":
    main()
