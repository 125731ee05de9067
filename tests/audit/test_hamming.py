import numpy as np
import pytest

from litclassify.audit import hamming
from litclassify.audit.hamming import distances, near_pairs


def random_hashes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 63, count, dtype=np.uint64)


def flipped(hashes: np.ndarray, most: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    masks = [sum(1 << int(bit) for bit in rng.choice(64, rng.integers(0, most + 1), replace=False)) for _ in hashes]
    return hashes ^ np.array(masks, dtype=np.uint64)


@pytest.mark.parametrize("radius", [0, 1, 3, 4, 7])
@pytest.mark.parametrize("pairs_at_once", [1, 1 << 22])
def test_pairs_are_those_of_comparing_all(radius: int, pairs_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "PAIRS_AT_ONCE", pairs_at_once)
    hashes = random_hashes(200, 0)
    queries = flipped(hashes, 10)
    expected = [
        (i, j) for i in range(200) for j in range(200) if bin(int(queries[i]) ^ int(hashes[j])).count("1") <= radius
    ]
    assert near_pairs(queries, hashes, radius).tolist() == [list(pair) for pair in expected]


def test_distances_count_differing_bits() -> None:
    first = np.array([0, 5, 2**64 - 1], dtype=np.uint64)
    assert distances(first, np.zeros(3, dtype=np.uint64)).tolist() == [0, 2, 64]


def test_nothing_is_near_to_nothing() -> None:
    assert near_pairs(random_hashes(0, 0), random_hashes(3, 0), 7).shape == (0, 2)


@pytest.mark.slow
def test_of_100_000_hashes_few_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counted(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        nonlocal compared
        compared += len(first)
        return distances(first, second)

    monkeypatch.setattr(hamming, "distances", counted)
    hashes = random_hashes(100_000, 0)
    pairs = near_pairs(flipped(hashes, 7), hashes, 7)
    # Of 10 billion pairs that have nothing in common, about one is near by chance.
    assert (pairs[:, 0] == pairs[:, 1]).sum() == 100_000
    assert len(pairs) < 100_010
    assert compared < 100_000**2 / 500
