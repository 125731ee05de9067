"""Which samples train, validate and test: pure functions of targets, sizes and a seed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from litclassify.data.splitting.balanced_splits import grouped_split, multi_label_split
from litclassify.errors import UserError


def split_size(split: int | float, total: int, key: str) -> int:
    """Number of images that `split` takes of `total`.

    Args:
        split: A count, or a fraction in (0, 1), which is rounded to the nearest count.
        total: Images to choose from.
        key: The argument as the user types it, for the message.

    Raises:
        UserError: The count is not in [1, total), or the fraction not in (0, 1).
    """
    if split > 1 and split % 1 == 0:
        # typing caches unions without regard to order, so that jsonargparse may read 6 as `float | int`: 6.0.
        split = int(split)
    if isinstance(split, float) and not 0 < split < 1:
        raise UserError(f"{key} must be a count of images or a fraction between 0 and 1, got {split}.")
    size = round(split * total) if isinstance(split, float) else split
    if not 0 < size < total:
        raise UserError(
            f"{key} must take at least 1 image and leave at least 1 of the {total}, "
            f"got {split}, which takes {size}. Give a count from 1 to {total - 1}, or a fraction."
        )
    return size


def stratified_split(targets: Sequence[int] | Tensor, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Deal the samples out to parts that each resemble the whole.

    A part takes of every class its share of what the parts before it left, rounded down or up (largest
    remainder), so that the first part is within one image of exact proportion in every class. A part
    therefore does not depend on how the later ones divide the rest. Of classes with equal remainders, the seed decides.

    The last part, which trains, gets at least one image of every class, as far as sizes allow. Other classes make up
    for it, by more than an image where there are many of one image.

    Args:
        targets: Class of each sample.
        sizes: Samples of each part; they sum to the number of samples.
        seed: In [0, 2**32). The same seed gives the same parts on every machine.

    Returns:
        Sorted indices of each part, disjoint.
    """
    classes = np.asarray(targets)
    assert sum(sizes) == len(classes), f"parts of {sizes} do not use up {len(classes)} samples"
    rng = np.random.RandomState(seed)  # Its stream is frozen across numpy versions; default_rng's is not.
    left = [rng.permutation(np.flatnonzero(classes == label)) for label in np.unique(classes)]
    ties = np.random.RandomState([seed, 1])  # Its own, as ties must not change which members are drawn.
    parts = []
    for size in sizes[:-1]:
        order = ties.permutation(len(left))
        takes = np.empty_like(order)
        takes[order] = _leave_one(np.array([len(left[label]) for label in order]), size)
        part = [members[:take] for members, take in zip(left, takes, strict=True)]
        left = [members[take:] for members, take in zip(left, takes, strict=True)]
        parts.append(sorted(np.concatenate(part).tolist()))
    return [*parts, sorted(np.concatenate(left).tolist())]


def _leave_one(members: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """How many of the members of each class a part of `size` takes; it leaves one of each, unless it is too large.

    Of equal classes, the first take more.
    """
    takes, remainders = np.divmod(members * size, max(1, members.sum()))
    order = np.argsort(-remainders, kind="stable")
    can_round_up = order[takes[order] < members[order] - 1]
    takes[can_round_up[: size - takes.sum()]] += 1
    for most in (members - 1, members):
        room = np.maximum(most - takes, 0)
        takes += apportion(room, min(size - takes.sum(), room.sum()))
    return takes


def apportion(shares: npt.NDArray[np.int64 | np.float64], size: int) -> npt.NDArray[np.int64]:
    """Divide `size` in proportion to `shares` into whole numbers, by largest remainder."""
    total = max(1, shares.sum())
    whole, remainders = np.divmod(shares * size, total)
    takes = whole.astype(np.int64)
    short = size - takes.sum()
    takes[np.argsort(-remainders, kind="stable")[:short]] += 1
    return takes


def hold_out(
    targets: Sequence[int] | Tensor,
    *,
    val_split: int | float | None,
    test_split: int | float | None,
    seed: int,
    groups: Tensor | None = None,
) -> dict[str, list[int]]:
    """Hold validation and test samples out of one pool; the rest is for training.

    The test part is drawn first, so that no choice of `val_split` changes what is tested on.

    Args:
        targets: Class of each sample of the pool, or its multi-hot labels (N, K).
        val_split: A count, or a fraction of the whole pool; None for an empty part.
        test_split: The same for the test part.
        seed: Of the draw.
        groups: Number of the group of each sample, which is not divided, so that parts get about as many as they are
            to have; None where every sample is for itself.

    Returns:
        Sorted indices under "train", "val" and "test".

    Raises:
        UserError: A part, or both together, leave nothing to train on.
    """
    total = len(targets)
    test = 0 if test_split is None else split_size(test_split, total, "data.test_split")
    val = 0 if val_split is None else split_size(val_split, total, "data.val_split")
    if val + test >= total:
        raise UserError(
            f"data.val_split={val_split} and data.test_split={test_split} take {val} and {test} images, and "
            f"leave none of the {total} to train on. Make them smaller."
        )
    parts = divide(targets, [test, val, total - test - val], seed, groups)
    return dict(zip(("test", "val", "train"), parts, strict=True))


def divide(
    targets: Sequence[int] | Tensor, sizes: Sequence[int], seed: int, groups: Tensor | None = None
) -> list[list[int]]:
    """Deal samples out to parts that each resemble the whole, in the way that their targets and groups ask for.

    Args:
        targets: Class of each sample, or its multi-hot labels (N, K).
        sizes: Samples of each part; they sum to N. With groups, parts have about these.
        seed: In [0, 2**32).
        groups: Number of the group of each sample, which is not divided; None where every sample is for itself.

    Returns:
        Sorted indices of each part, disjoint.
    """
    if groups is not None:
        return grouped_split(np.asarray(targets), groups.numpy(), sizes, seed)
    if isinstance(targets, Tensor) and targets.dim() > 1:
        return multi_label_split(targets.numpy(), sizes, seed)
    return stratified_split(targets, sizes, seed)
