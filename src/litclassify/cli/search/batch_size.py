"""The search for a batch size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jsonargparse import Namespace
from lightning.pytorch.utilities.memory import garbage_collection_cuda
from PIL import Image

from litclassify.cli.runs.directory import BATCH_SIZE_SEARCH
from litclassify.cli.search.throughput import Throughput
from litclassify.cli.search.trial import trial_trainer
from litclassify.cli.trainer.out_of_memory import is_out_of_memory
from litclassify.errors import UserError

# Throughput within this share of the best is as good: a smaller batch learns more from an epoch.
TOLERANCE = 0.05
SMALLEST, SECONDS = 16, 2.0
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


@dataclass(frozen=True)
class BatchSizeSearch:
    """The measurements of a search, and what they say."""

    measured: list[Measured]
    """Sizes ascending."""
    found: int
    """The batch size."""
    file_name: ClassVar[str] = BATCH_SIZE_SEARCH

    @property
    def flags(self) -> str:
        """What sets it on a command line."""
        return f"--data.batch_size {self.found}"

    @property
    def picture(self) -> Image.Image:
        """The speeds over the sizes, with the one that was found."""
        from litclassify.cli.search.figures import batch_size_figure, rendered  # noqa: PLC0415 - matplotlib is slow

        speeds = _speeds(self.measured)
        too_large = [one.batch_size for one in self.measured if one.batch_size not in speeds]
        memory = {one.batch_size: one.peak_memory for one in self.measured if one.peak_memory is not None}
        return rendered(batch_size_figure(speeds, fast_enough(speeds.values()), self.found, too_large, memory))


def check_size_search(config: Namespace, *, resumes: bool) -> None:
    """Refuse a search whose result nothing would take.

    Args:
        config: Of a `fit`.
        resumes: Whether it goes on from a checkpoint.

    Raises:
        UserError: It resumes, or the data module has no batch size to set.
    """
    if resumes:
        raise UserError(
            "find_batch_size: a resumed run goes on with its batch size. Leave it out, or start from the weights "
            "alone: fit --model.init_from CHECKPOINT."
        )
    if "batch_size" not in config.data.get("init_args", {}):
        raise UserError(f"find_batch_size: {config.data.class_path} takes no batch_size.")


def search_size(build: Callable[[int], Namespace], smallest: int, seconds: float) -> BatchSizeSearch:
    """Train for some seconds with ever larger batches.

    Args:
        build: Gives model, data of a batch size, and arguments of the Trainer; they are spent afterwards.
        smallest: Batch size to begin with.
        seconds: How long to train with each.

    Raises:
        UserError: Not even the smallest batch runs.
    """
    measured = list(measure_doubling(lambda size: measure(build(size), size, seconds), smallest))
    return BatchSizeSearch(measured, choose(measured))


def measure(built: Namespace, batch_size: int, seconds: float) -> Measured:
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
    """Give the smallest batch that is fast enough.

    Raises:
        UserError: None of them ran.
    """
    speeds = _speeds(measurements)
    if not speeds:
        raise UserError(
            "find_batch_size: not even the smallest batch ran: it is larger than the training set, or the device has "
            "not enough memory for it. Begin with a smaller one: find batch_size --smallest."
        )
    return min(size for size, speed in speeds.items() if speed >= fast_enough(speeds.values()))


def fast_enough(speeds: Iterable[float]) -> float:
    """Give the throughput from which a batch size counts as fast as the best: within `TOLERANCE` of it."""
    return (1 - TOLERANCE) * max(speeds)


def _speeds(measurements: Sequence[Measured]) -> dict[int, float]:
    return {one.batch_size: one.images_per_second for one in measurements if one.images_per_second is not None}
