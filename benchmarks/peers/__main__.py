"""Seconds of the whole command on a JPEG folder: LitClassify, the tutorial's code, fastai, timm and ultralytics.

All train torchvision's ResNet-18 at 32x32 with Adam, without augmentation, in float32, on the same images, with equal
batch size, epochs and threads; each row has its validation accuracy to show it. LitClassify loads images as it does by
default, the others with worker processes. One more row is LitClassify with settings of its own choice. Start-up is the
same command for one epoch on 70 images. Each command is a process of its own, in alternation; what is compared are
medians. A peer that cannot be imported is left out.

Run: python -m benchmarks.peers --data FOLDER [--packages FOLDER] [--rounds 3]
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.comparison import alternate, median_ratio, print_table
from benchmarks.folders import link_images
from benchmarks.training_commands import Peer, Trained, TrainingCommands, peer_version

PEERS = {
    "the tutorial's code": Peer("tutorial", "lightning"),
    "fastai": Peer("with_fastai", "fastai"),
    "timm": Peer("with_timm", "timm"),
    "ultralytics": Peer("with_ultralytics", "ultralytics"),
}
NETWORK = ["--data", "ImageFolder", "--data.image_size", "32", "--model.network", "torchvision.models.resnet18"]
OURS = [*NETWORK, "--data.train_transform", "[]", "--data.eval_transform", "[]", "--trainer.accelerator", "cpu"]
EQUAL = ["--model.optimizer", "Adam", "--model.optimizer.lr", "0.001", "--trainer.precision", "32-true"]
RECIPE = ["--model.optimizer", "AdamW", "--model.optimizer.lr", "0.003", "--model.lr_interval", "step"]
RECIPE += ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.003"]
RECIPE += ["--model.channels_last", "true", "--trainer.precision", "bf16-mixed", "--data.batch_size", "256"]
STARTUP_IMAGES = 70  # At least a batch of 64: timm's loader drops a smaller one.
Runs = dict[str, list[Trained]]


def measures(
    commands: TrainingCommands, peers: Iterable[str], epochs: int, batch_size: int, workers: int
) -> dict[str, Callable[[], Trained]]:
    """Give a call of each command, by the name of its row."""
    ours = [*OURS, "--data.batch_size", str(batch_size), "--trainer.max_epochs", str(epochs)]
    flags = ["--epochs", str(epochs), "--batch_size", str(batch_size), "--workers", str(workers)]
    return {
        "LitClassify": partial(commands.litclassify, [*ours, *EQUAL]),
        "LitClassify, own settings": partial(commands.litclassify, [*ours, *RECIPE]),
        **{name: partial(commands.peer, PEERS[name], flags) for name in peers},
    }


def table_rows(startup: Runs, whole: Runs) -> list[list[str]]:
    """Give a row for each command: medians, and how many times as long as LitClassify's two it took."""
    seconds = {name: [run.seconds for run in runs] for name, runs in whole.items()}
    return [
        [
            name,
            f"{statistics.median(run.seconds for run in startup[name]):.1f}",
            f"{statistics.median(seconds[name]):.1f}",
            f"{median_ratio(seconds[name], seconds['LitClassify']):.2f}",
            f"{median_ratio(seconds[name], seconds['LitClassify, own settings']):.2f}",
            f"{statistics.median(run.val_acc for run in runs):.3f}",
        ]
        for name, runs in whole.items()
    ]


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds train/ and test/ with a folder per class each")
    parser.add_argument("--packages", type=Path, help="folder with the peers, if they are not installed beside torch")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--train_images", type=int, default=10_000)
    parser.add_argument("--val_images", type=int, default=1_000)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2, help="of the peers")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def run_rounds(arguments: argparse.Namespace, peers: Iterable[str], images: tuple[int, int], epochs: int) -> Runs:
    """Run all commands on so many training and validation images."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for split, source, number in zip(("train", "val"), ("train", "test"), images, strict=True):
            link_images(arguments.data / source, data / split, number)
        commands = TrainingCommands(data, arguments.packages, arguments.threads)
        calls = measures(commands, peers, epochs, arguments.batch_size, arguments.workers)
        return alternate(calls, arguments.rounds)


def main() -> None:
    """Print medians and ratios."""
    arguments = read_arguments()
    versions = {name: peer_version(PEERS[name], arguments.packages) for name in arguments.peers}
    peers = [name for name, version in versions.items() if version]
    startup = run_rounds(arguments, peers, (STARTUP_IMAGES, STARTUP_IMAGES), epochs=1)
    whole = run_rounds(arguments, peers, (arguments.train_images, arguments.val_images), arguments.epochs)
    columns = ["command", "start-up, s", "whole, s", "÷ LitClassify", "÷ own settings", "val_acc"]
    title = f"{arguments.train_images} images, {arguments.epochs} epochs, {arguments.rounds} rounds"
    print_table(title, columns, table_rows(startup, whole))
    print(", ".join(f"{PEERS[name].package} {versions[name]}" for name in peers))


if __name__ == "__main__":
    main()
