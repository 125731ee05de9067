"""Perceptual hashes: 64 bits that resized, recompressed and brightened copies of a picture have in common."""

import numpy as np
import numpy.typing as npt

SIDE = 32
LOW = 8

Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]


def _dct_matrix() -> Floats:
    """The first rows of the DCT-II, (LOW, SIDE)."""
    frequency, place = np.mgrid[:LOW, :SIDE]
    matrix: Floats = np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)).astype(np.float32)
    return matrix


DCT = _dct_matrix()
MIRROR: Floats = np.array([(-1) ** k for k in range(LOW)], dtype=np.float32)


def perceptual_hashes(gray: Floats) -> tuple[Hashes, Hashes]:
    """Hash images by the signs of their 64 lowest frequencies about the median (pHash).

    Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1.

    Args:
        gray: (N, 32, 32).

    Returns:
        The hashes (N,), and those of the mirrored images, of which every other horizontal frequency has the opposite
        sign.
    """
    low: Floats = np.matmul(np.matmul(DCT, gray), DCT.T)
    return _bits(low), _bits(np.multiply(low, MIRROR))


def _bits(low: Floats) -> Hashes:
    flat = low.reshape(len(low), LOW * LOW)
    above = flat > np.median(flat, axis=1, keepdims=True)
    # Frequency k goes to bit 16 * (k % 4) + k // 4: each 16 bits then see low and high frequencies alike, which keeps
    # the buckets of a search even.
    spread = above.reshape(-1, LOW * LOW // 4, 4).transpose(0, 2, 1).reshape(-1, LOW * LOW)
    return np.packbits(spread, axis=1).view(np.uint64)[:, 0]
