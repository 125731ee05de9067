"""Images that are there more than once: within a class, across splits, with different labels."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litclassify.audit.finding import Finding
from litclassify.audit.hamming import near_pairs
from litclassify.audit.inventory import Sample
from litclassify.audit.measures import Measures, gray_of
from litclassify.data.listing.split_names import SPLITS

RADIUS = 7
# Flat images have no picture in common, just noise: they are findings of their own.
MIN_CONTRAST = 5.0
# Smaller images leave too few pixels to tell pictures apart: digits of 8x8 pixels correlate by 0.9.
MIN_SIDE = 16
# How many images with one hash are compared with those of a near hash.
OF_ONE_HASH = 8
# Whose thumbnails are in memory as floats.
PAIRS_AT_ONCE = 1 << 10


@dataclass(frozen=True)
class Pair:
    """Two images that show the same."""

    first: int
    second: int
    likeness: str
    """In what way, to be read."""


def find_duplicates(samples: Sequence[Sample], measures: Sequence[Measures], min_likeness: float) -> list[Finding]:
    """Find copies, and what their splits and labels make of them.

    Args:
        samples: The images, (N).
        measures: Of each.
        min_likeness: Correlation of thumbnails from which two images are near duplicates, in [0, 1].
    """
    groups = exact_groups(measures)
    same = [pair for group in groups for pair in _pairs_of(group, samples, measures)]
    # A copy speaks for all of its group.
    copies = {index for group in groups for index in group[1:]}
    others = [i for i, one in enumerate(measures) if i not in copies and _shows_something(one)]
    near = _of_each_split(near_duplicates(others, samples, measures, min_likeness), groups, samples)
    return [*_findings(same, samples, ""), *_findings(near, samples, "near_")]


def _shows_something(one: Measures) -> bool:
    return not one.error and one.contrast >= MIN_CONTRAST and min(one.width, one.height) >= MIN_SIDE


def exact_groups(measures: Sequence[Measures]) -> list[list[int]]:
    """Give groups of images with the same pixels, in order, each of at least two."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, one in enumerate(measures):
        if not one.error:
            groups[one.pixel_hash].append(index)
    return [group for group in groups.values() if len(group) > 1]


def _pairs_of(group: Sequence[int], samples: Sequence[Sample], measures: Sequence[Measures]) -> Iterator[Pair]:
    """Compare each image with the first one of each split and class, which takes no more pairs than there may be."""
    first: dict[tuple[str, str], int] = {}
    for index in group:
        first.setdefault((samples[index].split, samples[index].class_name), index)
    for index in group:
        for other in first.values():
            if samples[other] != samples[index]:  # A table may list an image twice.
                same = measures[index].content_hash == measures[other].content_hash
                yield Pair(
                    index, other, "the same file" if same and measures[index].content_hash else "the same pixels"
                )


def _of_each_split(pairs: Iterable[Pair], groups: Iterable[Sequence[int]], samples: Sequence[Sample]) -> Iterator[Pair]:
    """Put the first copy of each split in the place of the one that spoke for its group."""
    copies = {group[0]: {samples[i].split: i for i in reversed(group)}.values() for group in groups}
    for pair in pairs:
        for first in copies.get(pair.first, [pair.first]):
            for second in copies.get(pair.second, [pair.second]):
                yield Pair(first, second, pair.likeness)


def near_duplicates(
    indices: Sequence[int], samples: Sequence[Sample], measures: Sequence[Measures], min_likeness: float
) -> list[Pair]:
    """Find pairs whose perceptual hashes and thumbnails agree, also where one is mirrored.

    Args:
        indices: Images to compare.
        samples: All images.
        measures: Of all images.
        min_likeness: Correlation of thumbnails, in [0, 1].
    """
    if not indices:
        return []
    hashes = np.array([measures[i].hash for i in indices], dtype=np.uint64)
    mirrored = np.array([measures[i].mirrored_hash for i in indices], dtype=np.uint64)
    splits = [samples[i].split for i in indices]
    found: dict[tuple[int, int], Pair] = {}
    for queries, flip, text in ((hashes, False, "alike"), (mirrored, True, "mirrored")):
        candidates = _candidates(queries, hashes, splits)
        likeness = _correlations([measures[i] for i in indices], candidates, flip)
        for (i, j), value in zip(candidates[likeness >= min_likeness], likeness[likeness >= min_likeness], strict=True):
            pair = Pair(indices[i], indices[j], f"{text}, correlation {value:.3f}")
            found.setdefault((pair.first, pair.second), pair)
    return list(found.values())


def _candidates(
    queries: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint64], splits: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Give index pairs, first < second, with near hashes; of the images of one hash the first ones stand for all."""
    wanted, of_query = _distinct(queries)
    known, of_hash = _distinct(hashes)
    pairs = [
        (i, j)
        for query, place in near_pairs(wanted, known, RADIUS).tolist()
        for i, j in _combinations(of_query[query], of_hash[place], splits)
        if i != j
    ]
    return np.unique(np.sort(np.array(pairs, dtype=np.int64).reshape(-1, 2), axis=1), axis=0)


def _combinations(first: Sequence[int], second: Sequence[int], splits: Sequence[str]) -> Iterator[tuple[int, int]]:
    yield from ((i, j) for i in first[:OF_ONE_HASH] for j in second[:OF_ONE_HASH])
    if max(len(first), len(second)) > OF_ONE_HASH:
        # However many there are, a leak is one with the first of a split.
        first_of_split = {splits[i]: i for i in reversed(first)}
        yield from ((i, j) for i in first_of_split.values() for j in second)


def _distinct(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], list[list[int]]]:
    distinct, inverse = np.unique(hashes, return_inverse=True)
    members: list[list[int]] = [[] for _ in distinct]
    for index, number in enumerate(inverse.tolist()):
        members[number].append(index)
    return distinct, members


def _correlations(
    measures: Sequence[Measures], pairs: npt.NDArray[np.int64], mirrored: bool
) -> npt.NDArray[np.float32]:
    """Give the correlation of the thumbnails of each pair (P, 2) of images, the second one mirrored if asked for."""
    values = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        images, places = np.unique(some, return_inverse=True)
        thumbnails = _centred([measures[i] for i in images])
        first, second = (thumbnails[place] for place in places.reshape(-1, 2).T)
        values[start : start + len(some)] = np.einsum("nij,nij->n", first, second[:, :, ::-1] if mirrored else second)
    return values


def _centred(measures: Sequence[Measures]) -> npt.NDArray[np.float32]:
    """Give gray thumbnails (N, 32, 32) with mean 0 and norm 1: neither brightness nor contrast is to play a part."""
    gray = gray_of(np.stack([one.thumbnail for one in measures if one.thumbnail is not None]))
    gray -= gray.mean(axis=(1, 2), keepdims=True)
    gray /= np.linalg.norm(gray, axis=(1, 2), keepdims=True).clip(1e-6)
    return gray


def _findings(pairs: Iterable[Pair], samples: Sequence[Sample], prefix: str) -> list[Finding]:
    """Give a finding for each image and kind, about the copy that is trained on, or else the later one."""
    found: dict[tuple[str, str], Finding] = {}
    for pair in pairs:
        kept, spare = sorted((pair.first, pair.second), key=lambda i: (-SPLITS.index(samples[i].split), i))
        first, second = samples[kept], samples[spare]
        kinds = [_leak_of(second.split)] if first.split != second.split else []
        kinds += ["contradiction"] if first.class_name != second.class_name else []
        for kind in kinds or ["duplicate"]:
            name = f"{prefix}{kind}"
            detail = f"{pair.likeness} in {first.split}, '{first.class_name}'"
            found.setdefault(
                (name, second.path), Finding(name, detail, second.path, second.split, second.class_name, first.path)
            )
    return list(found.values())


def _leak_of(earlier: str) -> str:
    """Give the kind of a picture in two splits, by the earlier one: what train lacks is not trained on."""
    return "leak" if earlier == "train" else "val_test_leak"
