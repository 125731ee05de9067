"""The order in which training sees its images, and how evaluation shares them out."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from torch.utils.data import Dataset, DistributedSampler


class ShuffledSampler(DistributedSampler[int]):
    """Visits every sample once, in an order that is a pure function of (seed, epoch).

    It gives numbers of draws: `epoch * N + index` for sample `index` of N, by which the data set knows the epoch.
    Several processes share the samples out, each with as many: the first ones may come twice.

    Args:
        dataset: Of at least 1 sample.
        seed: In [0, 2**32).
        world_size: Number of processes.
        rank: Of this process.
    """

    def __init__(self, dataset: Dataset[Any], seed: int, world_size: int = 1, rank: int = 0) -> None:
        super().__init__(dataset, world_size, rank, seed=seed)

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)  # type: ignore[arg-type] # it has a length
        # RandomState's stream is frozen: the same order with every version of numpy and torch.
        order = np.random.RandomState([self.seed, self.epoch]).permutation(size)
        shared_out = np.resize(order, self.total_size)[self.rank :: self.num_replicas]
        yield from (self.epoch * size + shared_out).tolist()


def even_batch_size(batch_size: int, num_images: int, world_size: int) -> int:
    """Give the least batch size from `batch_size` up with which every process evaluates as many batches.

    Processes that share images without repeating any differ by one image. Where that one image would be a batch of
    its own, the other processes would wait for it for ever: their forward passes synchronise buffers.

    Args:
        batch_size: Images per batch, at least 1.
        num_images: Images of all processes together, at least `world_size`.
        world_size: Number of processes.
    """
    fewest, left = divmod(num_images, world_size)
    if left == 0:
        return batch_size
    return next(size for size in count(batch_size) if fewest % size)
