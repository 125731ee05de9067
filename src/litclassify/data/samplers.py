"""The order in which training sees its images, and how evaluation shares them out."""

import math
from collections.abc import Iterator, Sequence, Sized
from itertools import count

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler

from litclassify.data.datasets.image_dataset import ImageDataset
from litclassify.data.splitting.splits import apportion

Indices = NDArray[np.int64]


class ShuffledSampler(DistributedSampler[int]):
    """Gives as many samples as there are, in an order that is a pure function of (seed, epoch).

    What it gives are numbers of draws: modulo N, the number of samples, each is the index of its sample, and no two of
    a training are alike, so that a sample that comes again is transformed anew. Several processes share the draws out,
    each with as many: the first ones may come twice.

    Args:
        dataset: Of at least 1 sample.
        seed: In [0, 2**32).
        world_size: Number of processes.
        rank: Of this process.
        class_balance: From 0, where every sample comes once, to 1, where every class comes equally often; see
            `balanced_counts`.
        repeats: How often each sample comes in succession; with k, an epoch sees one kth of the samples.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        seed: int,
        world_size: int = 1,
        rank: int = 0,
        *,
        class_balance: float = 0.0,
        repeats: int = 1,
    ) -> None:
        super().__init__(dataset, world_size, rank, seed=seed)
        self.size = len(dataset)
        self.repeats = repeats
        targets = dataset.targets.cpu().numpy() if class_balance else np.zeros(self.size, dtype=np.int64)
        self._members = [np.flatnonzero(targets == label) for label in np.unique(targets)]
        sizes = [len(members) for members in self._members]
        self._counts = balanced_counts(sizes, class_balance)
        most = max(math.ceil(taken / size) for taken, size in zip(self._counts, sizes, strict=True))
        self._most_draws = repeats * most
        self._skipped = 0

    def skip(self, samples: int) -> None:
        """Leave out so many samples of this process, the first of the next pass: training goes on after them."""
        self._skipped = samples

    def __iter__(self) -> Iterator[int]:
        # RandomState's stream is frozen: the same order with every version of numpy and torch.
        order = class_balanced_order(self._members, self._counts, np.random.RandomState([self.seed, self.epoch]))
        order = np.repeat(order, self.repeats)[: self.total_size]
        draws = (self.epoch * self._most_draws + earlier_occurrences(order)) * self.size + order
        own = np.resize(draws, self.total_size)[self.rank :: self.num_replicas]
        skipped, self._skipped = self._skipped, 0
        yield from own[skipped:].tolist()


class InOrderSampler(DistributedSampler[int]):
    """Gives each process its share of the samples in order, without its first ones.

    Of W processes, process r has the samples r, r + W, … One that has none is given sample 0: all processes have to
    take part.

    Args:
        dataset: Of at least 1 sample.
        world_size: Number of processes.
        rank: Of this process.
        skipped: How many samples of its share each process leaves out.
    """

    def __init__(self, dataset: Sized, world_size: int = 1, rank: int = 0, skipped: int = 0) -> None:
        super().__init__(dataset, world_size, rank, shuffle=False)  # type: ignore[arg-type] # it needs the size alone
        self._indices = range(rank, len(dataset), world_size)[skipped:] or range(1)

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


def balanced_counts(sizes: Sequence[int], class_balance: float) -> list[int]:
    """Give how many samples of each class an epoch takes: in proportion to `size ** (1 - class_balance)`.

    Source: Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition",
    https://arxiv.org/abs/1910.09217, eq. 1, with q = 1 - class_balance.

    Args:
        sizes: Samples of each class, at least 1.
        class_balance: In [0, 1]. 0 gives `sizes`, 0.5 is square-root sampling, 1 takes all classes equally often.

    Returns:
        Counts with the sum of `sizes`.
    """
    shares = np.asarray(sizes, dtype=np.float64) ** (1 - class_balance)
    counts: list[int] = apportion(shares, sum(sizes)).tolist()
    return counts


def class_balanced_order(members: Sequence[Indices], counts: Sequence[int], rng: np.random.RandomState) -> Indices:
    """Draw `counts[c]` of the samples `members[c]` for each class c, and shuffle all: int64 (sum of counts,).

    Within a class, no sample comes again before all others have come.
    """
    chosen = [
        np.concatenate([rng.permutation(samples) for _ in range(math.ceil(taken / len(samples)))])[:taken]
        for samples, taken in zip(members, counts, strict=True)
    ]
    # One class is shuffled already.
    return rng.permutation(np.concatenate(chosen)) if len(chosen) > 1 else chosen[0]


def earlier_occurrences(values: Indices) -> Indices:
    """Count, for each value, how many equal ones come before it."""
    places = np.argsort(values, kind="stable")
    ascending = values[places]
    earlier = np.empty_like(places)
    earlier[places] = np.arange(len(values)) - np.searchsorted(ascending, ascending)
    return earlier


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
