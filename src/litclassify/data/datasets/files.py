"""Images that are read from files as they are needed."""

from collections.abc import Callable, Sequence
from itertools import chain

from torch import Tensor

from litclassify.data.damage.bad_images import BadImages
from litclassify.data.damage.bad_samples import no_stand_in
from litclassify.data.damage.stand_ins import stand_ins
from litclassify.data.datasets.image_dataset import ImageDataset, Split, transform_key
from litclassify.data.decoding.decode import ChooseWindow, UnreadableImageError, decode_image, decode_window
from litclassify.data.decoding.first_transform import TransformError, take_first
from litclassify.errors import UserError


class ImageFilesDataset(ImageDataset):
    """A data set of image files, decoded one at a time.

    A `RandomResizedCrop` or `Resize` at the head of the transforms is done while decoding, by `read`.

    Args:
        paths: One file per sample.
        targets: int64 (N,); -1 where the class is unknown.
        transform: Applied to each uint8 image (C, H, W); None to leave images as they are.
        num_channels: 1 for grayscale, 3 for RGB, whatever the files hold.
        split: What the samples are for.
        window: What of an image is read before the transforms; None leaves it to the first of them.
        bad_images: Lists what cannot be read, in whose place then comes the first of its `stand_ins` that can be, with
            the target of that. None stops at what cannot be read.
    """

    def __init__(
        self,
        paths: Sequence[str],
        targets: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        num_channels: int,
        split: Split,
        window: ChooseWindow | None = None,
        bad_images: BadImages | None = None,
    ) -> None:
        self._choose_window: ChooseWindow | None = window
        if window is None:
            self._choose_window, transform = take_first(transform)
        super().__init__(paths, targets, transform, split)
        self.num_channels = num_channels
        self._bad_images = bad_images

    def read(self, index: int) -> Tensor:
        """Decode file `index`, or the window of it that the first transform keeps; see `decode_image`."""
        path = self.paths[index]
        if self._choose_window is None:
            return decode_image(path, self.num_channels)
        try:
            return decode_window(path, self.num_channels, self._choose_window)
        except TransformError as error:
            raise UserError(f"{transform_key(self.split)} fails on {path}, {error}") from error

    def _image_and_index(self, index: int, seed: int) -> tuple[Tensor, int]:
        if self._bad_images is None:
            return super()._image_and_index(index, seed)
        for other in chain([index], stand_ins(self.targets, index)):
            try:
                return super()._image_and_index(other, seed)
            except UnreadableImageError as error:
                self._bad_images.record(self.split, {self.paths[other]: error.reason})
        raise no_stand_in(self.paths[index], self.split)
