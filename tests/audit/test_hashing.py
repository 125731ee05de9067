import numpy as np
import pytest
from scipy.fft import dctn

from litclassify.audit.hamming import distances
from litclassify.audit.hashing import perceptual_hashes


@pytest.fixture
def gray() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (20, 32, 32)).astype(np.float32)


def test_bits_are_those_of_a_cosine_transform(gray: np.ndarray) -> None:
    hashes, _ = perceptual_hashes(gray)
    # In proportion to unnormalised coefficients, as phash of the library imagehash takes them.
    low = dctn(gray, axes=(1, 2))[:, :8, :8].reshape(20, 64)
    above = low > np.median(low, axis=1, keepdims=True)
    assert [bin(value).count("1") for value in hashes.tolist()] == [32] * 20
    for i in range(20):
        for j in range(20):
            expected = (above[i] != above[j]).sum()
            assert distances(hashes[i : i + 1], hashes[j : j + 1])[0] == expected


def test_the_second_hash_is_that_of_the_mirrored_image(gray: np.ndarray) -> None:
    assert (perceptual_hashes(gray)[1] == perceptual_hashes(gray[:, :, ::-1])[0]).all()


def test_neither_brightness_nor_contrast_changes_a_hash(gray: np.ndarray) -> None:
    assert (perceptual_hashes(gray)[0] == perceptual_hashes(0.5 * gray + 100)[0]).all()
