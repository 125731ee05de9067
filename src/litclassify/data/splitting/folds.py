"""Cross-validation: which fold of the training images validates."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from litclassify.data.splitting.splits import divide
from litclassify.errors import UserError
from litclassify.suggestions import some_of

Fold = tuple[int, int]
"""`(i, k)`: fold i of k, counted from 0."""

MIN_FOLDS = 2


def check_fold(fold: Fold) -> None:
    """Check a value of `data.val_fold`.

    Raises:
        UserError: There is no such fold.
    """
    number, num_folds = fold
    if num_folds < MIN_FOLDS:
        raise UserError(f"data.val_fold must be of at least {MIN_FOLDS} folds, got {list(fold)}: give [i, k].")
    if not 0 <= number < num_folds:
        raise UserError(f"data.val_fold counts {num_folds} folds from 0 to {num_folds - 1}, got {list(fold)}.")


def stratified_folds(targets: Sequence[int] | Tensor, num_folds: int, seed: int) -> list[list[int]]:
    """Deal the samples out to folds; of every class, and in all, folds differ by one sample at most.

    Args:
        targets: Class of each sample.
        num_folds: At least 2.
        seed: In [0, 2**32). The same seed gives the same folds on every machine.

    Returns:
        Sorted indices of each fold.
    """
    classes = np.asarray(targets)
    shuffled = np.random.RandomState(seed).permutation(len(classes))  # Its stream is frozen across numpy versions.
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    return [sorted(by_class[number::num_folds].tolist()) for number in range(num_folds)]


def hold_out_fold(
    parts: Mapping[str, list[int]],
    targets: Sequence[int] | Tensor,
    fold: Fold,
    seed: int,
    class_names: Sequence[str],
    groups: Tensor | None = None,
) -> dict[str, list[int]]:
    """Validate on a fold of the samples that are for training.

    Args:
        parts: Sorted indices under "train" and "test"; those of the test part stay.
        targets: Class of each sample, or its multi-hot labels (N, K).
        fold: Which fold validates.
        seed: Of the folds.
        class_names: Name of each class.
        groups: Number of the group of each sample, which no fold divides; None where every sample is for itself.

    Returns:
        Sorted indices under "train", "val" and "test".

    Raises:
        UserError: A class has fewer samples than there are folds, or one fold has all of its samples.
    """
    number, num_folds = fold
    pool = np.asarray(parts["train"])
    wanted = torch.as_tensor(targets)[pool]
    if groups is None and wanted.dim() == 1:
        _check_sizes(np.bincount(wanted, minlength=len(class_names)), num_folds, class_names)
        folds = stratified_folds(wanted, num_folds, seed)
    else:
        sizes = [len(part) for part in np.array_split(pool, num_folds)]
        folds = divide(wanted, sizes, seed, None if groups is None else groups[pool])
        _check_spread(wanted, folds, class_names)
    return {**parts, "train": np.delete(pool, folds[number]).tolist(), "val": pool[folds[number]].tolist()}


def _check_spread(targets: Tensor, folds: Sequence[Sequence[int]], class_names: Sequence[str]) -> None:
    """Refuse folds, of groups or of samples with several labels, one of which has all samples of a class."""
    labels = targets if targets.dim() > 1 else one_hot(targets, len(class_names))
    num_folds = torch.stack([labels[fold].bool().any(dim=0) for fold in folds]).sum(dim=0)
    lonely = [class_names[k] for k in (num_folds == 1).nonzero().flatten().tolist()]
    if lonely:
        raise UserError(
            f"data.val_fold: all images of {some_of(lonely)} are in one of {len(folds)} folds, and where it validates, "
            "none are left to train on. Leave the class out, or add images, in groups of their own where there are "
            "groups."
        )


def _check_sizes(counts: npt.NDArray[np.int64], num_folds: int, class_names: Sequence[str]) -> None:
    small = [f"'{class_names[i]}' has {counts[i]}" for i in np.argsort(counts, kind="stable") if counts[i] < num_folds]
    if small:
        raise UserError(
            f"data.val_fold: {num_folds} folds need {num_folds} images of every class to train and validate on, but "
            f"{', '.join(small[:5])}{', …' if len(small) > 5 else ''}. Make it at most {counts.min()} folds, "  # noqa: PLR2004
            "or add images."
        )
