"""Images that are read from files as they are needed."""

from collections.abc import Callable, Sequence

from torch import Tensor

from litclassify.data.datasets import ImageDataset, Split, transform_key
from litclassify.data.decode import ChooseWindow, decode_image, decode_window
from litclassify.data.first_transform import TransformError, take_first
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
    """

    def __init__(
        self,
        paths: Sequence[str],
        targets: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        num_channels: int,
        split: Split,
        window: ChooseWindow | None = None,
    ) -> None:
        self._choose_window: ChooseWindow | None = window
        if window is None:
            self._choose_window, transform = take_first(transform)
        super().__init__(paths, targets, transform, split)
        self.num_channels = num_channels

    def read(self, index: int) -> Tensor:
        """Decode file `index`, or the window of it that the first transform keeps; see `decode_image`."""
        path = self.paths[index]
        if self._choose_window is None:
            return decode_image(path, self.num_channels)
        try:
            return decode_window(path, self.num_channels, self._choose_window)
        except TransformError as error:
            raise UserError(f"{transform_key(self.split)} fails on {path}, {error}") from error
