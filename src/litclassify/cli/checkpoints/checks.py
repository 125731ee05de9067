"""What a checkpoint must have in common with the run that continues it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from litclassify.callbacks.resuming.resumable_checkpoint import PATHS
from litclassify.cli.checkpoints.checkpoint import Checkpoint
from litclassify.cli.config.keys import flatten
from litclassify.errors import UserError


def check_optimization(checkpoint: Checkpoint, given: Mapping[str, Any]) -> None:
    """Compare optimizer, schedule, its unit and parameter groups of a run with those that shall continue it.

    A run goes on with the state of these, in which torch keeps the learning rate and all other arguments.

    Args:
        checkpoint: Where the run stopped.
        given: The configuration of the model, by argument.

    Raises:
        UserError: A class or one of its arguments differs, or the checkpoint has no such state.
    """
    if not checkpoint.can_go_on:
        raise UserError(
            f"--ckpt_path '{checkpoint.path}' holds weights and no state of a training that could go on. Start from "
            "the weights: fit --model.init_from CHECKPOINT."
        )
    stored = checkpoint.config.get("model", {}).get("init_args", {})
    for name in ("optimizer", "lr_scheduler", "lr_interval", "parameter_groups"):
        before, now = (dict(flatten(config.get(name), f"model.{name}")) for config in (stored, given))
        differing = next((key for key in before if key in now and before[key] != now[key]), None)
        if differing is not None:
            raise UserError(
                f"{differing} is {now[differing]}, but the run of '{checkpoint.path}' has {before[differing]}, and "
                "goes on with the state of its optimizer and schedule. Leave it out, or start from the weights alone: "
                "fit --model.init_from CHECKPOINT."
            )


def weights_do_not_fit(reason: str) -> UserError:
    """Say that the checkpoint's weights are those of another network.

    Args:
        reason: What torch says: a heading, and a line for each kind of difference.
    """
    # Of parameters that only one of the two has, it lists all.
    first, *more = reason.strip().splitlines()[1].strip().split('", "')
    others = f'" and {len(more)} more.' if more else ""
    return UserError(
        f"--ckpt_path: its weights do not fit model.network: {first}{others}\nLeave out what changes the "
        "network, or start from the weights that fit: fit --model.init_from CHECKPOINT."
    )


def check_recorded_paths(states: Any) -> None:
    """Check the files that a resumed `ModelCheckpoint` takes for its own: it deletes them when better ones come.

    Args:
        states: States of the callbacks, as a checkpoint file has them.

    Raises:
        UserError: One of them is not a checkpoint in the directory of checkpoints.
    """
    for state in states.values() if isinstance(states, Mapping) else ():
        if not isinstance(state, Mapping):
            continue
        folder = str(state.get("dirpath") or "")
        for file in _recorded_paths(state):
            inside = Path(os.path.relpath(file, folder or os.curdir))
            if not folder or len(inside.parts) != 1 or inside.name == os.pardir or inside.suffix != ".ckpt":
                raise UserError(f"--ckpt_path: the checkpoint calls '{file}' its own, and training on could delete it.")


def _recorded_paths(state: Mapping[str, Any]) -> Iterator[str]:
    """Give all paths in the state of a `ModelCheckpoint`."""
    for name in PATHS:
        if state.get(name):
            yield str(state[name])
    for name in ("best_k_models", "to_save", "to_remove"):
        yield from map(str, state.get(name) or ())
