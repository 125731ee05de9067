"""The search for a batch size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jsonargparse import Namespace
from lightning.pytorch.utilities.memory import garbage_collection_cuda

from litclassify.cli.search.throughput import Throughput
from litclassify.cli.search.trial import trial_trainer
from litclassify.cli.trainer.out_of_memory import is_out_of_memory
from litclassify.errors import UserError

# Throughput within this share of the best is as good: a smaller batch learns more from an epoch.
TOLERANCE = 0.05
SECONDS = 2.0
# A limit on steps that time ends long before.
MANY_STEPS = 100_000


@dataclass(frozen=True)
class Measured:
    """What a training with batches of one size takes."""

    batch_size: int
    images_per_second: float | None
    """None where the device has not enough memory."""
    peak_memory: int | None
    """Bytes on the device, of a CUDA device."""
    is_whole: bool
    """Whether the training set fills such a batch."""


def measure(built: Namespace, batch_size: int, seconds: float = SECONDS) -> Measured:
    """Train for some seconds.

    Args:
        built: Model, data of this batch size, and arguments of the Trainer; spent afterwards.
        batch_size: Images of a batch.
        seconds: How long.
    """
    observer = Throughput(seconds)
    trainer = trial_trainer(built.trainer.as_dict(), MANY_STEPS, observer)
    on_cuda = trainer.strategy.root_device.type == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats(trainer.strategy.root_device)
    try:
        trainer.fit(built.model, datamodule=built.data)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return Measured(batch_size, None, None, is_whole=True)
    peak = torch.cuda.max_memory_allocated(trainer.strategy.root_device) if on_cuda else None
    return Measured(batch_size, observer.images_per_second, peak, observer.largest_batch == batch_size)


def measure_doubling(measure_one: Callable[[int], Measured], smallest: int) -> Iterator[Measured]:
    """Double the batch until memory or the training set ends, or two doublings have made it no faster.

    Args:
        measure_one: Measures a batch size.
        smallest: Where to begin.
    """
    batch_size, best, without_gain = smallest, 0.0, 0
    while without_gain < 2:  # noqa: PLR2004
        measured = measure_one(batch_size)
        garbage_collection_cuda()
        if measured.is_whole:
            yield measured
        if measured.images_per_second is None or not measured.is_whole:
            return
        without_gain = 0 if measured.images_per_second > best * (1 + TOLERANCE) else without_gain + 1
        best = max(best, measured.images_per_second)
        batch_size *= 2


def choose(measurements: Sequence[Measured]) -> int:
    """Give the smallest batch within `TOLERANCE` of the best throughput.

    Raises:
        UserError: None of them ran.
    """
    speeds = {one.batch_size: one.images_per_second for one in measurements if one.images_per_second is not None}
    if not speeds:
        raise UserError(
            "find batch_size: not even the smallest batch ran: it is larger than the training set, or the device has "
            "not enough memory for it. Begin with a smaller one: --smallest."
        )
    return min(size for size, speed in speeds.items() if speed >= (1 - TOLERANCE) * max(speeds.values()))
