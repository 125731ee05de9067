"""Which images take the place of one that cannot be read."""

from collections.abc import Iterator

from torch import Tensor


def stand_ins(targets: Tensor, index: int) -> Iterator[int]:
    """Give the other images with the targets of image `index`, in order from there, and round to the first.

    Where images may have several labels, all that have others follow, in the same order: few may have the same ones.

    Args:
        targets: int64 (N,), or multi-hot labels, bool (N, K).
        index: Of the image to replace.
    """
    multi_label = targets.ndim > 1
    same = (targets == targets[index]).all(dim=1) if multi_label else targets == targets[index]
    for chosen in (same, ~same) if multi_label else (same,):
        indices = chosen.nonzero()[:, 0]
        yield from indices[indices > index].tolist()
        yield from indices[indices < index].tolist()
