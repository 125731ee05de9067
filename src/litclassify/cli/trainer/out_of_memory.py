"""A device or a machine without enough memory: which settings need less of it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch.utilities.memory import is_cuda_out_of_memory, is_out_of_cpu_memory

from litclassify.cli.own_variables import OOM_MARK
from litclassify.cli.trainer.ended_workers import WorkerEnd, how_a_worker_ended
from litclassify.cli.trainer.precision import FULL, MIXED
from litclassify.errors import UserError, chain_of

# What Lightning's checks do not know: libraries of CUDA that find no memory for themselves, and Apple's GPUs.
GPU_FULL = re.compile(r"CU(BLAS|DNN)_STATUS_ALLOC_FAILED|MPS backend out of memory")
ASKED_FOR = re.compile(r"(?:ried|Unable) to allocate ([\d.]+) ?(\w+)")
SMALLER_NETWORK = "model.network: a smaller one"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out."""
    return (
        isinstance(error, MemoryError)
        or _is_of_gpu(error)
        or is_out_of_cpu_memory(error)
        or how_a_worker_ended(error) is WorkerEnd.KILLED
    )


def check_can_halve(world_size: int) -> None:
    """Refuse to start again with smaller batches in several processes.

    Raises:
        UserError: A command that would do so has started this one.
    """
    if OOM_MARK in os.environ and world_size > 1:
        raise UserError(
            f"halve_batch_on_oom takes one process, and trainer.devices starts {world_size}. Lower data.batch_size by "
            "hand."
        )


@contextmanager
def memory_explained(config: Namespace, *, trains: bool) -> Iterator[None]:
    """Say which settings to lower where memory runs out, or may have: a worker process may end for other reasons.

    Raises:
        UserError: It does.
        SystemExit: Where training starts again with smaller batches.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError, EOFError) as error:
        ran_out = is_out_of_memory(error)
        if not ran_out and how_a_worker_ended(error) is None:
            raise
        if ran_out and OOM_MARK in os.environ:
            Path(os.environ[OOM_MARK]).touch()
            raise SystemExit(2) from error
        raise settings_to_lower(error, config, trains=trains) from error


@contextmanager
def memory_of_parts_explained(config: Namespace) -> Iterator[None]:
    """Say which settings to lower where memory runs out while data and model are built.

    Batches are none of them: a network is tried with two images as soon as it is built.

    Raises:
        UserError: It does.
    """
    try:
        yield
    except (RuntimeError, MemoryError, ValueError) as error:
        # jsonargparse makes a ValueError of what a class raises. A UserError has been explained.
        raised = takewhile(lambda reason: not isinstance(reason, UserError), chain_of(error))
        ran_out = next(filter(is_out_of_memory, raised), None)
        if ran_out is None:
            raise
        raise UserError("\n".join((_what_ran_out(ran_out), *_settings_of_parts(config)))) from error


def settings_to_lower(error: BaseException, config: Namespace, *, trains: bool) -> UserError:
    """Say what ran out of memory, and which settings need less, with their values.

    Args:
        error: What was raised.
        config: Configuration of the subcommand.
        trains: Whether it trains: other subcommands accumulate no gradients.
    """
    worker_end = how_a_worker_ended(error)
    lines = [_what_ran_out(error)] if worker_end is None else [worker_end.value, *_settings_of_workers(config)]
    return UserError("\n".join((*lines, *_settings(config, trains))))


def _what_ran_out(error: BaseException) -> str:
    return f"{_device(error)} has not enough memory{_size(error)}. Lower one of these:"


def _device(error: BaseException) -> str:
    return "A GPU" if _is_of_gpu(error) else "The machine"


def _is_of_gpu(error: BaseException) -> bool:
    known = isinstance(error, torch.OutOfMemoryError) or is_cuda_out_of_memory(error)
    return known or GPU_FULL.search(str(error)) is not None


def _size(error: BaseException) -> str:
    asked_for = ASKED_FOR.search(str(error))
    return f" for {_readable(*asked_for.groups())} more" if asked_for else ""


def _settings(config: Namespace, trains: bool) -> Iterator[str]:
    data, trainer = config.data.get("init_args", {}), config.trainer
    batch_size = data.get("batch_size")
    if batch_size is not None and batch_size > 1:
        line = f"data.batch_size is {batch_size}: --data.batch_size {batch_size // 2}"
        if trains:
            accumulated = 2 * trainer.accumulate_grad_batches
            line += f" --trainer.accumulate_grad_batches {accumulated} (as many images in each step)"
        yield line
    yield from _image_size(config)
    precision = str(trainer.precision or FULL)
    if not precision.startswith(("bf16", "16")):
        yield f"trainer.precision is {precision}: --trainer.precision {MIXED}"
    yield SMALLER_NETWORK


def _settings_of_parts(config: Namespace) -> Iterator[str]:
    yield from _image_size(config)
    yield SMALLER_NETWORK


def _image_size(config: Namespace) -> Iterator[str]:
    image_size = config.data.get("init_args", {}).get("image_size")
    if image_size is not None:
        yield f"data.image_size is {_as_typed(image_size)}"


def _settings_of_workers(config: Namespace) -> Iterator[str]:
    workers = config.data.get("init_args", {}).get("num_workers")
    if workers is not None:
        yield f"data.num_workers is {workers}: each process holds batches of its own, in shared memory"


def _as_typed(image_size: Any) -> str:
    return str(image_size) if isinstance(image_size, int) else str(list(image_size))


def _readable(number: str, unit: str) -> str:
    return f"{int(number) / 2**30:.1f} GiB" if unit == "bytes" else f"{number} {unit}"
