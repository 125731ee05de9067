"""Random numbers that are a pure function of seed, epoch and sample: neither workers nor resuming change them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Increment and multipliers of SplitMix64: https://doi.org/10.1145/2660193.2660195 (section 4) and
# https://prng.di.unimi.it/splitmix64.c
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def global_seed() -> int:
    """The seed that `seed_everything` left in the environment, or 0."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))


def batch_generator(epoch: int, batch: int, rank: int) -> np.random.Generator:
    """Give what to draw from for a batch of an epoch, in the process of that rank."""
    return np.random.default_rng([global_seed(), epoch, batch, rank])


class SampleRandomness:
    """A stream of random numbers for each sample of a batch.

    Args:
        seed: In [0, 2**32).
        draws: Number of each sample's draw: `epoch * N + index` for sample `index` of N.
    """

    def __init__(self, seed: int, draws: Sequence[int]) -> None:
        start = _mix(np.full(1, seed, dtype=np.uint64) + GOLDEN)
        self._state = _mix(start + np.asarray(draws, dtype=np.uint64) * GOLDEN)

    def uniform(self) -> Tensor:
        """Give the next number in [0, 1) of each stream: float64 (N,)."""
        return torch.from_numpy((self._next() >> np.uint64(11)) * 2.0**-53)

    def integers(self, low: int, high: int) -> Tensor:
        """Give the next number in [low, high) of each stream: int64 (N,)."""
        return low + (self.uniform() * (high - low)).long()

    def seeds(self) -> list[int]:
        """Give the next seed of each stream, for a generator of its own: N numbers in [0, 2**63)."""
        return (self._next() >> np.uint64(1)).tolist()  # type: ignore[no-any-return] # numpy gives Any

    def _next(self) -> NDArray[np.uint64]:
        self._state = self._state + GOLDEN
        return _mix(self._state)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits: where two numbers differ in one bit, half of the bits of their results differ."""
    bits = (bits ^ (bits >> np.uint64(30))) * FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * SECOND
    return bits ^ (bits >> np.uint64(31))


@contextmanager
def torch_seeded(seed: int) -> Iterator[None]:
    """Let torch's global generator, which transforms draw from, start at a seed; put it back afterwards."""
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.default_generator.set_state(before)
