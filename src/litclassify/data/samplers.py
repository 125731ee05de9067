"""The order in which training sees its images."""

from collections.abc import Iterator, Sized

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
