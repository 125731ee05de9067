"""Images of different sizes, decoded, one after another in memory or in a file that is mapped into it.

The format: a digest of what is in it, a table of int64 (offset, height, width), one row per image, and the pixels of
the images, uint8 (H, W, C). An image that could not be read has height and width 0.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from litclassify.data.datasets.image_dataset import ImageDataset, Split

DIGEST_BYTES = 32
ROW_BYTES = 3 * 8


class PackedImages:
    """Images by their path.

    Args:
        content: The bytes of the format above, uint8.
        paths: A path for each image, in the order of the table.
        num_channels: C of every image.
    """

    def __init__(self, content: npt.NDArray[np.uint8], paths: Sequence[str], num_channels: int) -> None:
        self.content = content
        self.num_channels = num_channels
        self._table = content[DIGEST_BYTES:][: ROW_BYTES * len(paths)].view(np.int64).reshape(-1, 3)
        self._rows = {path: row for row, path in enumerate(paths)}

    @property
    def missing(self) -> list[str]:
        """Those that could not be read."""
        missing = set(np.flatnonzero(self._table[:, 1] == 0).tolist())
        return [path for path, row in self._rows.items() if row in missing] if missing else []

    def as_tensor(self) -> Tensor | None:
        """Give all that are not missing as one, uint8 (N, C, H, W), which shares their memory.

        None if they differ in size.
        """
        table = self._table[self._table[:, 1] > 0]
        sizes = np.unique(table[:, 1:], axis=0)
        if len(sizes) != 1 or not self.content.flags.writeable:
            return None
        pixels = torch.from_numpy(self.content[int(table[0, 0]) :])
        return pixels.view(len(table), *sizes[0].tolist(), self.num_channels).permute(0, 3, 1, 2)

    def places(self, paths: Sequence[str]) -> list[int]:
        """Give where in the tensor of all images those of `paths` are, of which none is missing."""
        places = np.cumsum(self._table[:, 1] > 0) - 1
        return [int(places[self._rows[path]]) for path in paths]

    def __getitem__(self, path: str) -> Tensor:
        """A copy of one image, uint8 (C, H, W)."""
        offset, height, width = self._table[self._rows[path]].tolist()
        pixels = self.content[offset : offset + height * width * self.num_channels]
        # Only a copy can be written to, as torch demands.
        return torch.from_numpy(np.array(pixels)).view(height, width, self.num_channels).permute(2, 0, 1)


class PackedImagesFile(PackedImages):
    """The same in a file, which processes share: each maps it, and none reads more than it uses.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It was written for another digest, or is damaged.
    """

    def __init__(self, file: str, digest: bytes, paths: Sequence[str], num_channels: int) -> None:
        pixels_start = DIGEST_BYTES + ROW_BYTES * len(paths)
        if os.path.getsize(file) < pixels_start:
            raise ValueError(f"'{file}' is too short for {len(paths)} images")
        content = np.asarray(np.memmap(file, dtype=np.uint8, mode="r"))
        if content[:DIGEST_BYTES].tobytes() != digest:
            raise ValueError(f"'{file}' holds other images")
        super().__init__(content, paths, num_channels)
        sizes = num_channels * self._table[:, 1:].prod(axis=1)
        ends = pixels_start + np.cumsum(sizes)
        starts = np.where(sizes > 0, ends - sizes, 0)  # A missing image has none.
        if len(content) != ends[-1] or not np.array_equal(self._table[:, 0], starts):
            raise ValueError(f"'{file}' is damaged")
        self._arguments = (file, digest, list(paths), num_channels)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedImagesFile, self._arguments  # Worker processes map the file, too; pickling would copy it.


def pack_images(file: BinaryIO, digest: bytes, images: Iterable[Tensor | None], num_images: int) -> None:
    """Write `images`, each uint8 (C, H, W) or None for a missing one, to an empty `file`."""
    table = np.zeros((num_images, 3), dtype=np.int64)
    file.write(digest)
    file.write(table.tobytes())
    for row, image in enumerate(images):
        if image is None:
            continue
        table[row] = file.tell(), *image.shape[1:]
        file.write(image.permute(1, 2, 0).numpy().tobytes())
    file.seek(len(digest))
    file.write(table.tobytes())


class PackedImagesDataset(ImageDataset):
    """A data set of image files that are held decoded.

    Args:
        paths: One file per sample.
        targets: int64 (N,).
        transform: Applied to each uint8 image (C, H, W); None to leave images as they are.
        images: Holds every one of `paths`; none is missing.
        split: What the samples are for.
    """

    def __init__(
        self,
        paths: Sequence[str],
        targets: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        images: PackedImages,
        split: Split,
    ) -> None:
        super().__init__(paths, targets, transform, split)
        self.images = images

    def read(self, index: int) -> Tensor:
        """Image `index`, as it is held."""
        return self.images[self.paths[index]]
