"""Transforms of a whole batch at once, with a random draw for every image.

Each stands for a transform of `torchvision.transforms.v2` and does to every image what that one does, many times as
fast: `vectorize` finds them for a list of transforms.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from litclassify.data.augmentation.covering_resize import CoveringResize
from litclassify.data.augmentation.view import View, as_it_is_or_mirrored, windows
from litclassify.device_copies import to_device
from litclassify.randomness import SampleRandomness


class BatchTransform(ABC):
    """A transform of all images of a batch."""

    @abstractmethod
    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Transform; the result may be the same object."""


class BatchCrop(BatchTransform):
    """`RandomCrop`: a window of one size, at a place of its own in each image.

    Args:
        crop: The transform that it stands for.
    """

    def __init__(self, crop: v2.RandomCrop) -> None:
        self.size = tuple(crop.size)
        left, right, top, bottom = crop.padding or (0, 0, 0, 0)
        self.margins = ((top, bottom), (left, right))
        self.padding_mode = crop.padding_mode

    def offsets(self, size: tuple[int, int], randomness: SampleRandomness) -> tuple[Tensor, Tensor]:
        """Draw the first row and column of each window in the padded image: int64 (N,) each."""
        free = [side + sum(margin) - kept for side, margin, kept in zip(size, self.margins, self.size, strict=True)]
        if min(free) < 0:
            raise ValueError(f"Required crop size {self.size} is larger than the padded image of size {size}.")
        top, left = (randomness.integers(0, room + 1) for room in free)
        return top, left

    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Move the window."""
        size = view.size
        offsets = to_device(torch.stack(self.offsets(size, randomness)), view.images.device)
        for axis, offset in enumerate(offsets):
            view.see(axis, windows(size[axis], self.margins[axis], self.size[axis], self.padding_mode), offset)
        return view


class BatchTranslation(BatchTransform):
    """`RandomAffine` that only translates: each image is moved by whole pixels, and what is left free is black.

    Args:
        affine: The transform that it stands for.
    """

    def __init__(self, affine: v2.RandomAffine) -> None:
        # Width and height, in this order.
        self.share = affine.translate

    def shifts(self, size: tuple[int, int], randomness: SampleRandomness) -> tuple[Tensor, Tensor]:
        """Draw by how many pixels each image moves down and to the right: int64 (N,) each."""
        farthest = [share * side for share, side in zip(self.share, reversed(size), strict=True)]
        right, down = (_between((-most, most), randomness).round().long() for most in farthest)
        return down, right

    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Move the images."""
        size = view.size
        for axis, shift in enumerate(self.shifts(size, randomness)):
            margin = math.ceil(self.share[1 - axis] * size[axis])
            view.see(axis, windows(size[axis], (margin, margin), size[axis], "constant"), margin - shift)
        return view


class BatchFlip(BatchTransform):
    """`RandomHorizontalFlip` and `RandomVerticalFlip`: each image with probability p.

    Args:
        flip: The transform that it stands for.
    """

    def __init__(self, flip: v2.RandomHorizontalFlip | v2.RandomVerticalFlip) -> None:
        self.axis = 1 if isinstance(flip, v2.RandomHorizontalFlip) else 0
        self.probability = flip.p

    def chosen(self, randomness: SampleRandomness) -> Tensor:
        """Draw which images are mirrored: bool (N,)."""
        mirrored: Tensor = randomness.uniform() < self.probability
        return mirrored

    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Mirror the chosen ones."""
        view.see(self.axis, as_it_is_or_mirrored(view.size[self.axis]), self.chosen(randomness).long())
        return view


class BatchErasing(BatchTransform):
    """`RandomErasing` with a constant value (cutout): a rectangle of each image with probability p.

    Args:
        erasing: The transform that it stands for.
    """

    # As v2 does: if none of so many rectangles fits, the image stays as it is.
    ATTEMPTS = 10

    def __init__(self, erasing: v2.RandomErasing) -> None:
        self.probability = erasing.p
        self.scale = erasing.scale
        self.log_ratio = torch.tensor(erasing.ratio, dtype=torch.float64).log().tolist()
        self.value = erasing.value

    def rectangles(self, size: tuple[int, int], randomness: SampleRandomness) -> Tensor:
        """Draw top, left, height and width of each image's rectangle, all 0 for none: int64 (N, 4)."""
        height, width = size
        erased = randomness.uniform() < self.probability
        found = torch.zeros(len(erased), 4, dtype=torch.int64)
        for _ in range(self.ATTEMPTS):
            area = height * width * _between(self.scale, randomness)
            ratio = _between(self.log_ratio, randomness).exp()
            tall, wide = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
            top = (randomness.uniform() * (height - tall + 1)).long()
            left = (randomness.uniform() * (width - wide + 1)).long()
            fits = erased & (tall < height) & (wide < width) & (found[:, 2] == 0)
            found = torch.where(fits[:, None], torch.stack([top, left, tall, wide], dim=1), found)
        return found

    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Erase the rectangles."""
        images = view.show()
        top, left, tall, wide = to_device(self.rectangles(view.size, randomness), images.device).T[:, :, None]
        height, width = images.shape[-2:]
        rows, columns = (torch.arange(size, device=images.device) for size in (height, width))
        inside_rows, inside_columns = (rows >= top) & (rows < top + tall), (columns >= left) & (columns < left + wide)
        erased = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
        value = to_device(torch.tensor(self.value).to(images.dtype), images.device).view(-1, 1, 1)
        return View(torch.where(erased, value, images))


def _between(limits: Sequence[float], randomness: SampleRandomness) -> Tensor:
    low, high = limits
    return low + (high - low) * randomness.uniform()


Operation = tuple[str, float]
"""One of torchvision's operations by name, and its magnitude."""


class BatchAutoAugment(BatchTransform):
    """`TrivialAugmentWide` and `RandAugment`: operations that are drawn for each image.

    Images with the same operation are transformed together. torchvision draws one for all of a batch, and has what
    there is to draw, and how to apply it, in private names alone: https://github.com/pytorch/vision/issues/8484

    Args:
        transform: The transform that it stands for.
    """

    def __init__(self, transform: v2.TrivialAugmentWide | v2.RandAugment) -> None:
        self.transform = transform
        self.num_operations = 1 if isinstance(transform, v2.TrivialAugmentWide) else transform.num_ops

    def operations(self, size: tuple[int, int], randomness: SampleRandomness) -> list[Operation]:
        """Draw an operation for each of N images."""
        space, bins = list(self.transform._AUGMENTATION_SPACE.items()), self.transform.num_magnitude_bins
        chosen, levels = randomness.integers(0, len(space)), randomness.integers(0, bins)
        negative = randomness.uniform() <= 0.5  # noqa: PLR2004 - a half
        if isinstance(self.transform, v2.RandAugment):
            levels.fill_(self.transform.magnitude)
        ranges = [magnitudes(bins, *size) for _, (magnitudes, _) in space]
        operations = []
        for i, level, is_negative in zip(chosen.tolist(), levels.tolist(), negative.tolist(), strict=True):
            name, (_, signed) = space[i]
            magnitude = 0.0 if ranges[i] is None else float(ranges[i][level])
            operations.append((name, -magnitude if signed and is_negative else magnitude))
        return operations

    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Apply the operations."""
        images = view.show()
        for _ in range(self.num_operations):
            images = self._apply(images, self.operations(view.size, randomness))
        return View(images)

    def _apply(self, images: Tensor, operations: list[Operation]) -> Tensor:
        places: dict[Operation, list[int]] = {}
        for place, operation in enumerate(operations):
            places.setdefault(operation, []).append(place)
        groups = [torch.tensor(group) for group in places.values()]
        on_device = torch.split(to_device(torch.cat(groups), images.device), [len(group) for group in groups])
        result = torch.empty_like(images)
        for (name, magnitude), chosen in zip(places, on_device, strict=True):
            result[chosen] = self.transform._apply_image_or_video_transform(
                images[chosen], name, magnitude, self.transform.interpolation, self.transform._fill
            )
        return result


class BatchDeterministic(BatchTransform):
    """A transform without random draws: the one for images takes batches, too.

    Args:
        transform: The transform that it stands for.
    """

    def __init__(self, transform: v2.Transform) -> None:
        self.transform = transform

    def __call__(self, view: View, randomness: SampleRandomness) -> View:
        """Apply it to the batch."""
        return View(self.transform(view.show()))


class VectorizedTransforms:
    """A list of batch transforms, applied in order.

    Args:
        transforms: What to apply.
    """

    def __init__(self, transforms: Sequence[BatchTransform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, images: Tensor, randomness: SampleRandomness) -> Tensor:
        """Transform images (N, C, H, W), which are left as they are."""
        view = View(images)
        for transform in self.transforms:
            view = transform(view, randomness)
        return view.show()


DETERMINISTIC = (CoveringResize, v2.CenterCrop, v2.Grayscale, v2.Identity, v2.Pad, v2.Resize, v2.ToDtype)


def vectorize(transform: Callable[[Tensor], Tensor] | None) -> VectorizedTransforms | None:
    """Give the batch transforms that do the same; None if there is one that has none.

    Args:
        transform: `v2.Compose` of a list, or None for no transform.
    """
    found = [_batch_transform(single) for single in _listed(transform)]
    if any(single is None for single in found):
        return None
    return VectorizedTransforms([single for single in found if single is not None])


def _listed(transform: Any) -> Sequence[Any]:
    """Give what is applied in order."""
    if type(transform) is v2.Compose:
        parts: Sequence[Any] = transform.transforms
        return parts
    return [] if transform is None else [transform]


def _batch_transform(transform: Any) -> BatchTransform | None:
    """Give the batch transform that does the same, for the exact class: a subclass may do anything."""
    kind = type(transform)
    if kind is v2.RandomCrop and not transform.pad_if_needed and not _fill(transform):
        return BatchCrop(transform)
    if kind in (v2.RandomHorizontalFlip, v2.RandomVerticalFlip):
        return BatchFlip(transform)
    if kind is v2.RandomErasing and transform.value is not None:
        return BatchErasing(transform)
    if kind in (v2.TrivialAugmentWide, v2.RandAugment):
        return BatchAutoAugment(transform)
    if kind is v2.RandomAffine and _only_translates(transform):
        return BatchTranslation(transform)
    return BatchDeterministic(transform) if kind in DETERMINISTIC else None


def _fill(crop: v2.RandomCrop) -> bool:
    """Whether the padding has another colour than black."""
    return crop.padding_mode == "constant" and bool(crop.fill)


def _only_translates(affine: v2.RandomAffine) -> bool:
    fixed = affine.scale is None and affine.shear is None and not any(affine.degrees)
    return (
        fixed
        and affine.translate is not None
        and v2.InterpolationMode(affine.interpolation) == v2.InterpolationMode.NEAREST  # Some versions hold its name.
        and not affine.fill
    )
