"""Evaluation of an image from several views of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from litclassify.errors import UserError

# Down and right, in units of pixels.
DIRECTIONS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class TestTimeAugmentation(ABC):
    """Classifies several views of an image by their mean logits, one view of a batch after the other.

    The mean of logits is the geometric mean of probabilities. Unlike the mean of probabilities it leaves logits, which
    every loss takes.

    Args:
        validate: Whether validation sees the views, too, and not just test and prediction.
    """

    __test__ = False  # No test, says this to pytest.

    def __init__(self, *, validate: bool = False) -> None:
        self.validate = validate

    def __call__(self, classify: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Give mean logits, (N, K).

        Args:
            classify: Gives logits (N, K) for images.
            images: (N, C, H, W).
        """
        views = self.views(images)
        total, count = classify(next(views)), 1
        for view in views:
            total, count = total + classify(view), count + 1
        return total / count

    @abstractmethod
    def views(self, images: Tensor) -> Iterator[Tensor]:
        """Give the views of images (N, C, H, W), at least one."""


class Flip(TestTimeAugmentation):
    """The image and its mirror image, left to right. Not for digits, letters or signs."""

    def views(self, images: Tensor) -> Iterator[Tensor]:
        """Give both."""
        yield images
        yield images.flip(3)


class Shifts(TestTimeAugmentation):
    """The image, and the image moved up, down, left and right; what comes in is the image's own edge, reflected.

    Source: the evaluation of Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds", https://arxiv.org/abs/2404.00498, which
    moves diagonally.

    Args:
        pixels: How far, at least 1 and less than the image is high and wide.
        flip: Whether each is seen as its mirror image, too: ten views, and not five.
    """

    def __init__(self, pixels: int = 1, *, flip: bool = False, validate: bool = False) -> None:
        super().__init__(validate=validate)
        if pixels < 1:
            raise UserError(f"model.test_time_augmentation.pixels must be at least 1, got {pixels}.")
        self.pixels = pixels
        self.flip = flip

    def views(self, images: Tensor) -> Iterator[Tensor]:
        """Give all of them.

        Raises:
            UserError: The images are too small.
        """
        height, width = images.shape[2:]
        if self.pixels >= min(height, width):
            raise UserError(
                f"model.test_time_augmentation.pixels must be less than the {height}x{width} pixels of an image, got "
                f"{self.pixels}."
            )
        for down, right in DIRECTIONS:
            moved = _moved(_moved(images, down * self.pixels, dim=2), right * self.pixels, dim=3)
            yield moved
            if self.flip:
                yield moved.flip(3)


def _moved(images: Tensor, by: int, dim: int) -> Tensor:
    """Move along a dimension. Unlike torch's reflecting pad this takes uint8."""
    if by == 0:
        return images
    last = images.shape[dim] - 1
    source = (torch.arange(last + 1, device=images.device) - by).abs()
    return images.index_select(dim, torch.where(source > last, 2 * last - source, source))
