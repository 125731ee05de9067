"""What a process holds beside weights and optimizer: random numbers, and sums of the epoch that has begun."""

import random
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer

from litclassify.models import ImageClassifier

State = dict[str, Any]
"""Plain values and tensors on the CPU, which load without unpickling."""


def process_state(pl_module: LightningModule) -> State:
    """Give the state of this process."""
    state: State = {"random": _random_state()}
    if isinstance(pl_module, ImageClassifier):
        state["train_metrics"] = pl_module.train_metrics.sums()
    return state


def restore_sums(pl_module: LightningModule, state: State) -> None:
    """Let training metrics go on from a state; where it has none, they stay as they are."""
    if isinstance(pl_module, ImageClassifier) and "train_metrics" in state:
        pl_module.train_metrics.go_on_from(state["train_metrics"], pl_module.device)


def restore_random_state(state: State) -> None:
    """Let random numbers go on from a state; where it has none, they stay as they are."""
    if "random" in state:
        _set_random_state(state["random"])


def gather(trainer: Trainer, state: State) -> list[State]:
    """Give the states of all processes, by rank, to each of them."""
    if trainer.world_size == 1:
        return [state]
    states: list[State] = [{}] * trainer.world_size
    torch.distributed.all_gather_object(states, state)
    return states


def _random_state() -> State:
    state: Any = np.random.get_state(legacy=True)
    name, keys, position, has_gauss, gauss = state
    version, words, next_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss],
        "python": [version, list(words), next_gauss],
    }


def _set_random_state(state: State) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    version, words, next_gauss = state["python"]
    random.setstate((version, tuple(words), next_gauss))
