"""Image files with their labels, by what they are for."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Image files with their labels."""

    paths: list[str]
    targets: Tensor
    """Class of each, int64 (N,), or multi-hot labels, bool (N, K)."""
    groups: Tensor | None = None
    """Number of the group of each, int64 (N,), which is not divided; None where every image is for itself."""

    def take(self, indices: list[int]) -> "Samples":
        """Give those at `indices`."""
        groups = None if self.groups is None else self.groups[indices]
        return Samples([self.paths[i] for i in indices], self.targets[indices], groups)


@dataclass(frozen=True)
class LabelledFiles:
    """All images of a data set, as far as it says itself what they are for."""

    training: Samples
    """Training images, from which parts that are not given are drawn."""
    evaluation: dict[str, Samples]
    """Images under "val" and "test", where they are given."""
    divided: bool
    """Whether `training` is meant for training alone, so that no test images are drawn from it by default."""
