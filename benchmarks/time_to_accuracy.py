"""Seconds of the whole command until a validation accuracy is reached, on CIFAR-10 as JPEG files, on the CPU.

LitClassify trains with a recipe of its own, the tutorial's code with Adam at a constant rate, fastai with its one-cycle
schedule; the last two shift and mirror images. All stop after the first epoch that gets there. The peers train
torchvision's ResNet-18, or with --network resnet9 the network of the recipe, which shows what the rest of it is worth.
Commands run in alternation, each in a process of its own; what is compared are medians.

Run: python -m benchmarks.time_to_accuracy --data FOLDER [--packages FOLDER] [--targets 0.7 0.8] [--timeout_s 7200]
"""

import argparse
import shlex
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.comparison import alternate, print_table
from benchmarks.folders import link_images
from benchmarks.training_commands import Peer, Trained, TrainingCommands, peer_version

RECIPE = shlex.split("""
    --data ImageFolder --data.image_size 32 --data.batch_size 256
    --model.network ResNet9 --model.network.width 16
    --model.optimizer SGD --model.optimizer.lr 0.4 --model.optimizer.momentum 0.9 --model.optimizer.nesterov true
    --model.optimizer.weight_decay 0.0005
    --model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 0.4 --model.lr_interval step
    --model.channels_last true --trainer.precision bf16-mixed --trainer.accelerator cpu
""")
# How long each may train for an accuracy. A one-cycle schedule must know its end, a constant rate has none.
EPOCHS = {
    0.70: {"LitClassify": 2, "the tutorial's code": 60, "fastai": 5},
    0.80: {"LitClassify": 4, "the tutorial's code": 60, "fastai": 10},
}
PEERS = {"the tutorial's code": Peer("tutorial", "lightning"), "fastai": Peer("with_fastai", "fastai")}


def measures(
    commands: TrainingCommands, peers: Iterable[str], target: float, arguments: argparse.Namespace
) -> dict[str, Callable[[], Trained | None]]:
    """Give a call of each command that trains up to `target`, by the name of its row."""
    epochs = {name: str(arguments.epochs or number) for name, number in EPOCHS[target].items()}
    ours = [*RECIPE, "--early_stopping.stopping_threshold", str(target), "--trainer.max_epochs", epochs["LitClassify"]]
    peer = ["--stop_at", str(target), "--augment", "--network", arguments.network]
    peer += ["--batch_size", str(arguments.batch_size), "--workers", str(arguments.workers)]
    return {
        "LitClassify": partial(finished, partial(commands.litclassify, ours)),
        **{
            name: partial(finished, partial(commands.peer, PEERS[name], [*peer, "--epochs", epochs[name]]))
            for name in peers
        },
    }


def finished(train: Callable[[], Trained]) -> Trained | None:
    """Train; None if the time was up before."""
    try:
        return train()
    except subprocess.TimeoutExpired:
        return None


def table_rows(target: float, results: dict[str, list[Trained | None]]) -> list[list[str]]:
    """Give a row for each command: the median, and its ratio to LitClassify's, of the runs that got there."""
    reached = {name: [run.seconds for run in runs if run and run.val_acc >= target] for name, runs in results.items()}
    medians = {name: statistics.median(seconds) for name, seconds in reached.items() if seconds}
    rows = []
    for name, runs in results.items():
        known = name in medians and "LitClassify" in medians
        rows.append(
            [
                name,
                f"{target:.2f}",
                f"{len(reached[name])} of {len(runs)}",
                f"{medians[name]:.0f}" if name in medians else "",
                f"{medians[name] / medians['LitClassify']:.2f}" if known else "",
                ", ".join(f"{run.val_acc:.3f}" if run else "out of time" for run in runs),
            ]
        )
    return rows


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds train/ and test/ with a folder per class each")
    parser.add_argument("--packages", type=Path, help="folder with the peers, if they are not installed beside torch")
    parser.add_argument("--targets", type=float, nargs="+", choices=list(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--network", choices=["resnet18", "resnet9"], default="resnet18", help="of the peers")
    parser.add_argument("--batch_size", type=int, default=64, help="of the peers")
    parser.add_argument("--workers", type=int, default=2, help="of the peers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="of all, in place of what each needs for an accuracy")
    parser.add_argument("--train_images", type=int, help="all by default")
    parser.add_argument("--val_images", type=int, help="all of test/ by default")
    parser.add_argument("--timeout_s", type=float, help="when to stop a command")
    return parser.parse_args()


def main() -> None:
    """Print medians and ratios."""
    arguments = read_arguments()
    versions = {name: peer_version(peer, arguments.packages) for name, peer in PEERS.items()}
    peers = [name for name, version in versions.items() if version]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        link_images(arguments.data / "train", data / "train", arguments.train_images)
        link_images(arguments.data / "test", data / "val", arguments.val_images)
        commands = TrainingCommands(data, arguments.packages, arguments.threads, arguments.timeout_s)
        for target in arguments.targets:
            results = alternate(measures(commands, peers, target, arguments), arguments.rounds)
            rows += table_rows(target, results)
    columns = ["command", "target", "reached", "seconds", "÷ LitClassify", "val_acc at the end"]
    print_table(f"Time to a validation accuracy; the peers train {arguments.network}", columns, rows)
    print(", ".join(f"{PEERS[name].package} {versions[name]}" for name in peers))


if __name__ == "__main__":
    main()
