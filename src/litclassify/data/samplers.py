"""The order in which training sees its images, and how evaluation shares them out."""

from collections.abc import Iterator, Sized
from itertools import count

import numpy as np
from torch.utils.data import RandomSampler


class ShuffledSampler(RandomSampler):
    """Visits every sample once, in an order that is a pure function of (seed, epoch).

    Lightning takes it for a RandomSampler, and so replaces it by a shuffling DistributedSampler where there
    are several devices.

    Args:
        data_source: Anything with a length of at least 1.
        seed: In [0, 2**32).
    """

    def __init__(self, data_source: Sized, seed: int) -> None:
        super().__init__(data_source)
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        # RandomState's stream is frozen: the same order with every version of numpy and torch.
        order = np.random.RandomState([self.seed, self.epoch]).permutation(len(self.data_source))
        yield from order.tolist()


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
