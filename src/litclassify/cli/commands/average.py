"""`python main.py average RUN_OR_FILE [RUN_OR_FILE ...] --output FILE`."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from litclassify.cli.checkpoints.checkpoint import load
from litclassify.cli.checkpoints.io import DurableCheckpointIO
from litclassify.cli.checkpoints.path import best_checkpoints
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.errors import UserError

DESCRIPTION = (
    "Average the weights of checkpoints of one network, each with the same share, into a checkpoint for test, validate "
    "and predict. The statistics of batch normalisation are averaged, too; integers are those of the first checkpoint."
)
# What a checkpoint is made of beside its weights; the rest is the state of a training, which an average has not.
KEPT = (
    *("pytorch-lightning_version", "epoch", "global_step", "precision"),
    *("hparams_name", "hyper_parameters", "datamodule_hparams_name", "datamodule_hyper_parameters"),
)
# What must be the same for weights to be of the same kind.
COMPARED = ("network", "class_names", "mean", "std")
# Cosine similarities of weights: 0.87 to 0.96 between the first and last epoch of a run, -0.14 to 0.01 between seeds.
RELATED = 0.5


def main(words: list[str]) -> None:
    """Write the average of checkpoints.

    Raises:
        UserError: There are fewer than two, they are of different networks, or an option does not go with them.
    """
    parser = CommandParser("average", DESCRIPTION)
    parser.add_argument("given", nargs="+", metavar="RUN_OR_FILE", help="Run directory (its best ones), or checkpoint.")
    parser.add_argument("--top", type=int, metavar="K", help="Of each run, take the K best at most; default all kept.")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="Checkpoint to write.")
    arguments = parser.parse_args(words)
    if arguments.top is not None and arguments.top < 1:
        raise UserError(f"--top must be at least 1, got {arguments.top}.")
    if arguments.top is not None and not any(Path(given).is_dir() for given in arguments.given):
        raise UserError(f"--top {arguments.top} has no effect: it is for directories of runs. Leave it out.")
    found = [file for given in arguments.given for file in _files(Path(given), arguments.top)]
    files = list({file.resolve(): file for file in found}.values())
    if len(files) < 2:  # noqa: PLR2004
        raise UserError(f"An average takes at least 2 checkpoints, got {len(files)}: {', '.join(map(str, files))}.")
    if arguments.output.is_dir():
        raise UserError(f"--output '{arguments.output}' is a directory: name a file.")
    if arguments.output.resolve() in [file.resolve() for file in files]:
        raise UserError(f"--output '{arguments.output}' is one of the checkpoints to average: name another file.")
    DurableCheckpointIO().save_checkpoint(average(files), arguments.output)
    sys.stdout.write("".join(f"{file}\n" for file in files))
    sys.stdout.write(f"The average of these {len(files)} is '{arguments.output}'.\n")


def _files(given: Path, top: int | None) -> Sequence[Path]:
    if given.is_dir():
        return best_checkpoints(given)[:top]
    if not given.is_file():
        raise UserError(f"'{given}' does not exist. Give the directory of a run, or checkpoint files.")
    return [given]


def average(files: Sequence[Path]) -> dict[str, Any]:
    """Give a checkpoint whose weights are the mean of those of several, all else being that of the first.

    Args:
        files: At least one.

    Raises:
        UserError: They are not checkpoints of the same network.
    """
    first = load(files[0])
    state: Mapping[str, Tensor] = first["state_dict"]
    # In float64, the order of the files does not matter to the last digit that is kept.
    sums = {name: value.double() for name, value in state.items() if value.is_floating_point()}
    for file in files[1:]:
        other = load(file)
        _check_same_network(first, other, files[0], file)
        similarity = cosine_similarity(state, other["state_dict"])
        if similarity < RELATED:
            rank_zero_warn(
                f"The weights of '{files[0]}' and '{file}' have little in common (cosine similarity {similarity:.2f}): "
                "the average of networks that did not start from the same weights is seldom any good."
            )
        for name, total in sums.items():
            total.add_(other["state_dict"][name])
    means = {name: (total / len(files)).to(state[name].dtype) for name, total in sums.items()}
    kept = {key: first[key] for key in KEPT if key in first}
    if "hyper_parameters" in kept:
        # The temperature that is stored was fitted to other weights.
        kept["hyper_parameters"] = {**kept["hyper_parameters"], "calibration_temperature": 1.0}
    return {**kept, "state_dict": {**state, **means}}


def cosine_similarity(state: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Give that of all matrices and kernels of two networks, by name: 1 if they are alike, about 0 if unrelated."""
    names = [name for name, value in state.items() if value.is_floating_point() and value.dim() > 1]
    dots = [
        sum(float((a[name].double() * b[name].double()).sum()) for name in names)
        for a, b in ((state, other), (state, state), (other, other))
    ]
    return dots[0] / math.sqrt(dots[1] * dots[2]) if dots[1] and dots[2] else 1.0


def _check_same_network(first: Mapping[str, Any], other: Mapping[str, Any], path: Path, other_path: Path) -> None:
    arguments = [checkpoint.get("hyper_parameters", {}) for checkpoint in (first, other)]
    differing = next((name for name in COMPARED if arguments[0].get(name) != arguments[1].get(name)), None)
    shapes = [{name: value.shape for name, value in c["state_dict"].items()} for c in (first, other)]
    if differing is None and shapes[0] != shapes[1]:
        differing = min(name for name, _ in shapes[0].items() ^ shapes[1].items())
    if differing is not None:
        raise UserError(f"'{path}' and '{other_path}' are of different networks: they differ in '{differing}'.")
