"""Splits where images cannot be dealt out class by class: they have several labels each, or belong to groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

from litclassify.errors import UserError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ALL = 1 - 1e-9
"""A share of a label that is the whole, but for rounding."""


@dataclass(frozen=True)
class Holdings:
    """What units, which go to a part as a whole, hold of the labels: a sparse matrix in order of its rows."""

    units: Ints
    """Row of each entry (M,)."""
    labels: Ints
    """Its column (M,)."""
    amounts: Floats
    """The share of all images with the label that the unit has (M,), in (0, 1]."""

    def rows(self, num_units: int) -> list[tuple[Ints, Floats]]:
        """Labels of each unit, and their amounts."""
        ends = np.cumsum(np.bincount(self.units, minlength=num_units))[:-1]
        return list(zip(np.split(self.labels, ends), np.split(self.amounts, ends), strict=True))


Draw = Callable[[Ints, int, np.random.RandomState], Bools]
"""Which of some samples to take, given their indices and how many to take."""


def multi_label_split(targets: Bools, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Deal images out to parts in which every label is as frequent as in the whole.

    A part takes of the images with the same labels its share, rounded down. One more of some of them complete it:
    those that keep it nearest to its share of every label, decided one after another.

    Args:
        targets: Multi-hot labels (N, K).
        sizes: Images of each part; they sum to N. A part does not depend on how the later ones divide the rest.
        seed: In [0, 2**32).

    Returns:
        Sorted indices of each part, disjoint and of exactly these sizes.
    """
    labels = _with_label_of_all(targets)

    def draw(left: Ints, size: int, rng: np.random.RandomState) -> Bools:
        _, first, kinds, counts = np.unique(
            np.packbits(labels[left], axis=1), axis=0, return_index=True, return_inverse=True, return_counts=True
        )
        kinds = kinds.reshape(-1)  # Its shape differs between versions of numpy.
        takes, rest = np.divmod(counts * size, len(left))
        open_kinds = np.flatnonzero(rest)
        units, columns = np.nonzero(labels[left[first[open_kinds]]])
        holdings = Holdings(units, columns, 1 / labels[left].sum(axis=0)[columns])
        one_more = _choose(holdings, rest[open_kinds] / len(left), rng, number=size - int(takes.sum()))
        takes[open_kinds[one_more]] += 1
        order = rng.permutation(len(left))
        order = order[np.argsort(kinds[order], kind="stable")]
        rank = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = np.empty(len(left), dtype=np.bool_)
        chosen[order] = rank < np.repeat(takes, counts)
        return chosen

    return _deal(len(targets), sizes, seed, draw)


def grouped_split(targets: Ints | Bools, groups: Ints, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Deal whole groups of images out to parts that each resemble the whole.

    Groups are decided one after another, as in scikit-learn's `StratifiedGroupKFold`, so that a part stays nearest to
    its share of every class, and of the images. Where classes of few groups leave it too small, or too large, it then
    gets more groups, or fewer. A group that alone has a class is left for the last part.

    Args:
        targets: Class of each image (N,), or multi-hot labels (N, K).
        groups: Number of the group of each image (N,).
        sizes: Images wanted in each part; they sum to N. Whole groups seldom give exactly these.
        seed: In [0, 2**32).

    Returns:
        Sorted indices of each part, disjoint.

    Raises:
        UserError: A part that is to have images gets no group.
    """
    images, labels = _labels_of_images(targets)

    def draw(left: Ints, size: int, rng: np.random.RandomState) -> Bools:
        names, members, sizes_of_groups = np.unique(groups[left], return_inverse=True, return_counts=True)
        group_of = np.full(len(targets), -1)
        group_of[left] = members
        here = group_of[images] >= 0
        holdings = _holdings_of_groups(group_of[images[here]], labels[here])
        barred = np.zeros(len(names), dtype=np.bool_)
        barred[holdings.units[holdings.amounts == 1]] = True
        chosen = _choose(holdings, np.full(len(names), size / len(left)), rng, barred=barred)
        chosen = _correct_size(chosen, holdings, sizes_of_groups, size, rng)
        if size > 0 and not chosen.any():
            raise UserError(
                "Images that belong together, by data.group_column or as rows of one file, make "
                f"{len(np.unique(groups))} groups: too few, or too uneven, to draw {size} of {len(left)} images "
                "without dividing one. Give the splits in data.split_column."
            )
        return chosen[members]

    return _deal(len(targets), sizes, seed, draw)


def _deal(total: int, sizes: Sequence[int], seed: int, draw: Draw) -> list[list[int]]:
    """Draw one part after another; the last one takes what is left."""
    rng = np.random.RandomState(seed)  # Its stream is frozen across numpy versions; default_rng's is not.
    left = np.arange(total)
    parts = []
    for size in sizes[:-1]:
        chosen = draw(left, size, rng)
        parts.append(left[chosen].tolist())
        left = left[~chosen]
    return [*parts, left.tolist()]


def _with_label_of_all(targets: Bools) -> Bools:
    """Multi-hot labels (N, K + 1), the last of which all images have: sizes are then kept as labels are."""
    return np.column_stack([targets, np.ones(len(targets), dtype=np.bool_)])


def _labels_of_images(targets: Ints | Bools) -> tuple[Ints, Ints]:
    """Give an image (M,) and its label (M,) for each label that it has, and for one more that all images have."""
    images, labels = np.nonzero(targets) if targets.ndim > 1 else (np.arange(len(targets)), targets)
    label_of_all = int(labels.max(initial=0)) + 1
    everything = np.arange(len(targets))
    return np.concatenate([images, everything]), np.concatenate([labels, np.full(len(targets), label_of_all)])


def _holdings_of_groups(groups: Ints, labels: Ints) -> Holdings:
    """Give what groups hold, from the group (M,) of each image and the label (M,) that it has."""
    num_labels = int(labels.max()) + 1
    cells, counts = np.unique(groups * num_labels + labels, return_counts=True)
    units, columns = np.divmod(cells, num_labels)
    return Holdings(units, columns, counts / np.bincount(labels)[columns])


def _choose(
    holdings: Holdings,
    wanted: Floats,
    rng: np.random.RandomState,
    *,
    number: int | None = None,
    barred: Bools | None = None,
) -> Bools:
    """Decide about one unit after another so that of every label as much is chosen as is wanted.

    The largest come first, for small ones even out what is left; those of about one size come in random order.

    Args:
        holdings: What the U units hold of the labels.
        wanted: The share of each unit that would be chosen if it could be divided (U,), in [0, 1].
        rng: Of the order.
        number: How many to choose; None leaves it open.
        barred: Units that are not chosen (U,).
    """
    rows = holdings.rows(len(wanted))
    order = rng.permutation(len(wanted))
    size = np.floor(np.log2(np.bincount(holdings.units, holdings.amounts, len(wanted))))
    order = order[np.argsort(-size[order], kind="stable")]
    chosen = np.zeros(len(wanted), dtype=np.bool_)
    excess = np.zeros(int(holdings.labels.max(initial=0)) + 1)
    missing = len(wanted) if number is None else number
    for place, unit in enumerate(order):
        labels, amounts = rows[unit]
        passed = excess[labels] - wanted[unit] * amounts
        taken = passed + amounts
        must = number is not None and missing == len(order) - place
        may = missing > 0 and not (barred is not None and barred[unit])
        chosen[unit] = must or (may and abs(taken).sum() < abs(passed).sum())
        missing -= int(chosen[unit])
        excess[labels] = taken if chosen[unit] else passed
    return chosen


def _correct_size(chosen: Bools, holdings: Holdings, sizes: Ints, wanted: int, rng: np.random.RandomState) -> Bools:
    """Choose more units, or fewer, where that brings the number of their images nearer to what is wanted.

    Of a class of four units, none is nearest to a tenth; of a hundred such classes, none would be no part at all. Units
    that keep labels nearest to their share come first. Of no label are all units chosen. A choice that is off by less
    than half a unit of mean size stays.

    Args:
        chosen: The choice so far (U,).
        holdings: What the U units hold of the labels.
        sizes: Images of each unit (U,).
        wanted: Images to choose, at most all.
        rng: Of the order among equals.
    """
    adds = wanted > sizes[chosen].sum()
    off = abs(wanted - int(sizes[chosen].sum()))
    if 2 * off < sizes.mean():
        return chosen
    chosen, sign = chosen.copy(), 1 if adds else -1
    rows = holdings.rows(len(sizes))
    held = np.bincount(holdings.labels, holdings.amounts * chosen[holdings.units])
    share = wanted / sizes.sum()

    def straying(labels: Ints, amounts: Floats) -> Floats:
        """How far a change of these amounts would take the labels from their share."""
        excess: Floats = held[labels] - share
        return np.abs(excess + sign * amounts) - np.abs(excess)

    costs = np.bincount(holdings.units, straying(holdings.labels, holdings.amounts)) / sizes
    order = rng.permutation(np.flatnonzero(chosen != adds)).tolist()
    queue = [(float(costs[unit]), place, unit) for place, unit in enumerate(order)]
    heapify(queue)
    while queue and off > 0:
        _, place, unit = heappop(queue)
        labels, amounts = rows[unit]
        after = held[labels] + sign * amounts
        is_last_chosen = not adds and sizes[unit] == wanted + off
        # What does not help now does not later.
        if sizes[unit] >= 2 * off or (after > ALL).any() or is_last_chosen:
            continue
        now = float(straying(labels, amounts).sum() / sizes[unit])
        if queue and now > queue[0][0]:  # It has risen. No cost ever falls, so that others need no look.
            heappush(queue, (now, place, unit))
            continue
        chosen[unit], held[labels] = adds, after
        off -= int(sizes[unit])
    return chosen
