"""Handwritten digits that come with scikit-learn: no download."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from litclassify.data.in_memory_datamodule import DataFacts, InMemoryDataModule


class Digits(InMemoryDataModule):
    """scikit-learn's digits: 1,797 gray images of 8x8 pixels in 10 classes, on disk already.

    Neither training nor evaluation transforms images by default.

    Args:
        val_split: Validation images, drawn with an equal share of every class: a count, or a fraction of all. null
            means 0.1, or a fold where val_fold is given.
        test_split: Test images, likewise.
        image_size: Size in pixels that images are resized to before any transform, as one number for a square
            or [H, W]; they are stored as 8x8.
    """

    facts: ClassVar[DataFacts] = DataFacts(
        class_names=tuple("0123456789"), image_size=(8, 8), mean=(0.3054,), std=(0.3761,)
    )
    mirrored: ClassVar[bool] = False
    padding_mode: ClassVar[Literal["constant", "reflect"]] = "constant"

    def __init__(
        self,
        *,
        val_split: int | float | None = None,
        test_split: int | float = 0.2,
        image_size: int | tuple[int, int] = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size=image_size, **kwargs)
        self.val_split = self._held_out.val_share(val_split, 0.1)
        self.test_split = test_split

    def _load(self, split: Literal["train", "val", "test"]) -> tuple[Tensor, Tensor, list[int]]:
        images, targets = load_digits()
        return images, targets, self._hold_out(targets, self.val_split, self.test_split)[split]


def load_digits() -> tuple[Tensor, Tensor]:
    """All digits: images, uint8 (1797, 1, 8, 8), and targets, int64 (1797,)."""
    from sklearn import datasets  # noqa: PLC0415 - a second to import, which no other data set should pay.

    digits = datasets.load_digits()
    images = torch.from_numpy(digits.images)[:, None] * (255 / 16)  # Stored as whole numbers from 0 to 16.
    return images.round().to(torch.uint8), torch.from_numpy(digits.target).long()
