"""All pairs of 64-bit hashes that differ in a few bits, without comparing every pair."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from litclassify.audit.hashing import Hashes

BANDS = 4
BAND_BITS = 16
MAX_RADIUS = 2 * BANDS - 1
PAIRS_AT_ONCE = 1 << 22
# Numbers with one bit set, and none.
FLIPS = np.array([0, *(1 << np.arange(BAND_BITS))], dtype=np.uint16)
ONES = np.array([bin(value).count("1") for value in range(1 << BAND_BITS)], dtype=np.uint8)

Indices = npt.NDArray[np.int64]


def distances(first: Hashes, second: Hashes) -> Indices:
    """Give the number of bits that differ between hashes (N,) and (N,)."""
    bands = np.ascontiguousarray(first ^ second).view(np.uint16).reshape(-1, BANDS)
    bits: Indices = ONES[bands].sum(axis=1, dtype=np.int64)
    return bits


def near_pairs(queries: Hashes, hashes: Hashes, radius: int) -> Indices:
    """Find pairs of a query and a hash that differ in at most `radius` bits.

    Of hashes that differ in at most 7 bits, one of four bands of 16 differs in at most one bit: looking each band of
    each query up with none or one of its bits flipped, 68 look-ups in sorted lists, finds them all (multi-index
    hashing, https://arxiv.org/abs/1307.2982).

    Args:
        queries: (N,).
        hashes: (M,).
        radius: From 0 to 7.

    Returns:
        Distinct pairs of an index of a query and an index of a hash, (P, 2), sorted.
    """
    assert 0 <= radius <= MAX_RADIUS
    flips = FLIPS if radius >= BANDS else FLIPS[:1]
    found = [np.empty((0, 2), dtype=np.int64)]
    bands = np.ascontiguousarray(hashes).view(np.uint16).reshape(-1, BANDS)
    wanted = np.ascontiguousarray(queries).view(np.uint16).reshape(-1, BANDS)
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        keys = bands[order, band]
        for flip in flips:
            for query, place in _matches(wanted[:, band] ^ flip, keys):
                candidates = np.stack([query, order[place]], axis=1)
                close = distances(queries[candidates[:, 0]], hashes[candidates[:, 1]]) <= radius
                found.append(candidates[close])
    return np.unique(np.concatenate(found), axis=0)


def _matches(wanted: npt.NDArray[np.uint16], keys: npt.NDArray[np.uint16]) -> Iterator[tuple[Indices, Indices]]:
    """Give index pairs of equal keys, a few million at a time; `keys` is sorted."""
    left = np.searchsorted(keys, wanted, side="left")
    counts = np.searchsorted(keys, wanted, side="right") - left
    ends = np.cumsum(counts)
    start = 0
    while start < len(wanted):
        before = ends[start - 1] if start else 0
        # At least one query, however many hashes it matches.
        stop = max(start + 1, int(np.searchsorted(ends, before + PAIRS_AT_ONCE, side="right")))
        some = counts[start:stop]
        query = np.repeat(np.arange(start, stop), some)
        offsets = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        yield query, left[query] + offsets
        start = stop
