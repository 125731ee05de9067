"""The first transform of a list, where decoding can do its work: it needs no more of a file than what is kept."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from litclassify.data.augmentation.covering_resize import CoveringResize
from litclassify.data.augmentation.transforms import compose
from litclassify.data.decoding.decode import Window

BILINEAR = (InterpolationMode.BILINEAR, InterpolationMode.BILINEAR.value)  # From torchvision 0.29, it is a string.

Transform = Callable[[Tensor], Tensor]


class TransformError(Exception):
    """The first transform cannot be applied to an image; the message gives its size and the cause."""


@dataclass(frozen=True)
class FirstWindow:
    """The window of an image that `transform` keeps, by height and width of the image.

    It is drawn from torch's global generator, just as the transform draws it.
    """

    transform: v2.RandomResizedCrop | v2.Resize | CoveringResize

    def __call__(self, height: int, width: int) -> Window:
        """The window of an image of that size."""
        image = torch.empty((0, height, width), dtype=torch.uint8)  # Without channels, it costs nothing.
        try:
            if isinstance(self.transform, v2.RandomResizedCrop):
                return Window(**self.transform.make_params([image]), size=tuple(self.transform.size))
            new_height, new_width = self.transform(image).shape[-2:]
        except (RuntimeError, TypeError, ValueError) as error:
            # v2 transforms check most of their arguments here, not when they are built.
            raise TransformError(f"{height}x{width} (height, width): {error}") from error
        return Window(0, 0, height, width, (new_height, new_width))


def take_first(transform: Transform | None) -> tuple[FirstWindow | None, Transform | None]:
    """Split a `RandomResizedCrop`, `Resize` or `CoveringResize` off the head of a transform list.

    Returns:
        The window that the first transform keeps, and the rest of the list. None and `transform` if the first one is
        another, or does not resize bilinearly with antialiasing.
    """
    if not isinstance(transform, v2.Compose):
        return None, transform
    first, *rest = transform.transforms
    if type(first) not in (v2.RandomResizedCrop, v2.Resize, CoveringResize):
        return None, transform
    if first.interpolation not in BILINEAR or not first.antialias:
        return None, transform
    return FirstWindow(first), compose(rest)
