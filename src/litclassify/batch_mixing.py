"""Images of a batch mixed with one another, and their targets likewise."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from litclassify.device_copies import to_device
from litclassify.errors import UserError

Shares = NDArray[np.float64]
"""What each image keeps of itself, in [0, 1]: (N,), or (1,) for all alike."""


class BatchMixing(ABC):
    """Gives every image something of the one before it in the batch, and its target the same share.

    Args:
        per_image: Draw for every image anew, instead of once for a batch.
        off_last_epochs: How many epochs at the end of training see images as they are.
    """

    def __init__(self, *, per_image: bool = False, off_last_epochs: int = 0) -> None:
        if off_last_epochs < 0:
            raise UserError(f"model.batch_mixing.off_last_epochs must be at least 0, got {off_last_epochs}.")
        self.per_image = per_image
        self.off_last_epochs = off_last_epochs

    def __call__(self, images: Tensor, targets: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Mix a batch.

        Args:
            images: uint8 (N, C, H, W), or float in [0, 1].
            targets: Probabilities of the classes, float (N, K).
            rng: What to draw from.

        Returns:
            Images, of the same type or float in [0, 1], and targets, float (N, K).
        """
        images, kept = self._mix(images, len(images) if self.per_image else 1, rng)
        share = _like(kept, targets)[:, None]
        return images, share * targets + (1 - share) * targets.roll(1, 0)

    def is_on(self, epoch: int, num_epochs: int | None) -> bool:
        """Whether batches of an epoch, from 0, of so many are mixed; None for a training without an end."""
        return self.off_last_epochs == 0 or epoch < (num_epochs or 0) - self.off_last_epochs

    @abstractmethod
    def _mix(self, images: Tensor, draws: int, rng: np.random.Generator) -> tuple[Tensor, Shares]:
        """Mix images by so many draws, 1 or N; give what each keeps of itself."""


class MixUp(BatchMixing):
    """Weighted means of two images.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", https://arxiv.org/abs/1710.09412

    Args:
        alpha: The share that an image keeps is drawn from Beta(alpha, alpha), over 0: the smaller, the more often
            nearly all or nothing.
    """

    def __init__(self, alpha: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = _positive(alpha, "alpha")

    def _mix(self, images: Tensor, draws: int, rng: np.random.Generator) -> tuple[Tensor, Shares]:
        shares = rng.beta(self.alpha, self.alpha, draws)
        return mix_up(images, shares), shares


class CutMix(BatchMixing):
    """A rectangle of one image in the other.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
    https://arxiv.org/abs/1905.04899

    Args:
        alpha: The share that an image keeps is drawn from Beta(alpha, alpha), over 0. 1 draws all shares alike. Where
            the rectangle sticks out, an image keeps more.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = _positive(alpha, "alpha")

    def _mix(self, images: Tensor, draws: int, rng: np.random.Generator) -> tuple[Tensor, Shares]:
        return cut_mix(images, rng.beta(self.alpha, self.alpha, draws), rng.random((2, draws)))


class MixUpOrCutMix(BatchMixing):
    """One of the two, at random.

    Args:
        mixup_alpha: As `alpha` of `MixUp`.
        cutmix_alpha: As `alpha` of `CutMix`.
        cutmix_probability: How often it is `CutMix`, in [0, 1].
    """

    def __init__(
        self,
        mixup_alpha: float = 0.2,
        cutmix_alpha: float = 1.0,
        *,
        cutmix_probability: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mixup_alpha = _positive(mixup_alpha, "mixup_alpha")
        self.cutmix_alpha = _positive(cutmix_alpha, "cutmix_alpha")
        if not 0 <= cutmix_probability <= 1:
            raise UserError(f"model.batch_mixing.cutmix_probability must be in [0, 1], got {cutmix_probability}.")
        self.cutmix_probability = cutmix_probability

    def _mix(self, images: Tensor, draws: int, rng: np.random.Generator) -> tuple[Tensor, Shares]:
        cuts = rng.random(draws) < self.cutmix_probability
        mixup_shares = rng.beta(self.mixup_alpha, self.mixup_alpha, draws)
        cutmix_shares, centers = rng.beta(self.cutmix_alpha, self.cutmix_alpha, draws), rng.random((2, draws))
        if cuts.all():
            return cut_mix(images, cutmix_shares, centers)
        if not cuts.any():
            return mix_up(images, mixup_shares), mixup_shares
        cut, cutmix_shares = cut_mix(images, cutmix_shares, centers)
        is_cut = to_device(torch.from_numpy(cuts), images.device)[:, None, None, None]
        mixed = torch.where(is_cut, _scaled(cut), mix_up(images, mixup_shares))
        return mixed, np.where(cuts, cutmix_shares, mixup_shares)


def mix_up(images: Tensor, shares: Shares) -> Tensor:
    """Give the mean of each image and the one before it, float in [0, 1] (N, C, H, W), weighted by `shares`."""
    images = _scaled(images)
    kept = _like(shares, images)[:, None, None, None]
    return images.roll(1, 0).lerp_(images, kept)


def cut_mix(images: Tensor, shares: Shares, centers: NDArray[np.float64]) -> tuple[Tensor, Shares]:
    """Put a rectangle of the image before it into each image.

    Args:
        images: (N, C, H, W).
        shares: What an image would keep if the rectangle lay within it.
        centers: Of the rectangle, in [0, 1): down and right, (2, N) or (2, 1).

    Returns:
        The images, and what each keeps.
    """
    size = np.array(images.shape[-2:])[:, None]
    half = (0.5 * np.sqrt(1 - shares) * size).astype(np.int64)
    center = (centers * size).astype(np.int64)
    first, last = (center - half).clip(min=0), np.minimum(center + half, size)
    inside = [_between(first[axis], last[axis], images.shape[axis - 2]) for axis in (0, 1)]
    mask = to_device((inside[0][:, :, None] & inside[1][:, None, :])[:, None], images.device)
    kept: Shares = 1 - (last - first).prod(axis=0) / size.prod()
    return torch.where(mask, images.roll(1, 0), images), kept


def _between(first: NDArray[np.int64], last: NDArray[np.int64], length: int) -> Tensor:
    places = np.arange(length)
    return torch.from_numpy((places >= first[:, None]) & (places < last[:, None]))


def _like(shares: Shares, values: Tensor) -> Tensor:
    """Give shares as a tensor of the type and on the device of others."""
    return to_device(torch.from_numpy(shares).to(values.dtype), values.device)


def _scaled(images: Tensor) -> Tensor:
    return images.float().div_(255) if images.dtype == torch.uint8 else images


def _positive(value: float, name: str) -> float:
    if not 0 < value < float("inf"):
        raise UserError(f"model.batch_mixing.{name} must be over 0, got {value}.")
    return value
