"""What is seen of a batch of images: moving and mirroring change which pixels are, and no more."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from litclassify.device_copies import to_device

# A row or column that lies in the padding.
BLANK = -1


@dataclass(frozen=True, eq=False)
class Choices:
    """Ways to see the rows or the columns of an image.

    Args:
        values: In each of M ways, which one is seen at each of K places, or BLANK: int64 (M, K).
    """

    values: Tensor
    _copies: dict[torch.device, Tensor] = field(default_factory=dict)

    @cached_property
    def have_blanks(self) -> bool:
        """Whether BLANK is among them."""
        return bool((self.values == BLANK).any())

    def on(self, device: torch.device) -> Tensor:
        """Give the values on a device, to which they are copied once."""
        if device not in self._copies:
            self._copies[device] = to_device(self.values, device)
        return self._copies[device]


@lru_cache
def windows(size: int, margins: tuple[int, int], kept: int, padding_mode: str) -> Choices:
    """Give all windows of a padded axis, the first one first.

    Args:
        size: Rows or columns of the image.
        margins: How many are added before the first, and after the last.
        kept: Length of a window, no more than that of the padded axis.
        padding_mode: As in `torchvision.transforms.v2.Pad`.

    Raises:
        ValueError: Too many are added for `reflect` or `symmetric`.
    """
    places = torch.arange(-margins[0], size + margins[1])
    return Choices(_shown_at(places, size, padding_mode).unfold(0, kept, 1).contiguous())


def _shown_at(places: Tensor, size: int, padding_mode: str) -> Tensor:
    """Give the row or column that each place shows, of which some lie in the padding before 0 or from `size` on."""
    if padding_mode == "edge":
        return places.clamp(0, size - 1)
    if padding_mode == "constant":
        return places.where((places >= 0) & (places < size), torch.tensor(BLANK))
    # reflect leaves out the border pixel, symmetric repeats it.
    again = int(padding_mode == "symmetric")
    if max(-int(places[0]), int(places[-1]) - size + 1) > size - 1 + again:
        raise ValueError(f"Padding is larger than the image allows: {size} pixels with padding_mode {padding_mode}.")
    shown = places.where(places >= 0, -places - again)
    return shown.where(shown < size, 2 * (size - 1) - shown + again)


@lru_cache
def as_it_is_or_mirrored(size: int) -> Choices:
    """Give the order of rows or columns, and then the reverse order."""
    places = torch.arange(size)
    return Choices(torch.stack([places, places.flip(0)]))


@dataclass
class View:
    """Images, and which of their rows and columns to see.

    Args:
        images: (N, C, H, W).
        rows: Row of `images` that each row of the result is, or BLANK: int64 (N, H'). None: all, in order.
        columns: Likewise: int64 (N, W').
        has_blanks: Whether there may be BLANK in them.
    """

    images: Tensor
    rows: Tensor | None = None
    columns: Tensor | None = None
    has_blanks: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the result."""
        height, width = self.images.shape[-2:]
        return (
            height if self.rows is None else self.rows.shape[1],
            width if self.columns is None else self.columns.shape[1],
        )

    def see(self, axis: int, choices: Choices, chosen: Tensor) -> None:
        """Choose for each image which rows (`axis` 0) or columns (1) of what is seen now it shows.

        Args:
            axis: 0 or 1.
            choices: Ways to see them.
            chosen: Which way, int64 (N,).
        """
        name, device = ("rows", "columns")[axis], self.images.device
        wanted = choices.on(device).index_select(0, to_device(chosen, device))
        seen = getattr(self, name)
        if seen is not None and choices.have_blanks:
            wanted = torch.where(wanted == BLANK, BLANK, seen.gather(1, wanted.clamp(min=0)))
        elif seen is not None:
            wanted = seen.gather(1, wanted)
        setattr(self, name, wanted)
        self.has_blanks |= choices.have_blanks

    def show(self) -> Tensor:
        """Give the images that are seen: (N, C, H', W')."""
        if self.rows is None and self.columns is None:
            return self.images
        rows, columns = (
            torch.arange(size, device=self.images.device).expand(len(self.images), -1) if seen is None else seen
            for size, seen in zip(self.images.shape[-2:], (self.rows, self.columns), strict=True)
        )
        if not self.has_blanks:
            return self._take(rows, columns)
        blank = (rows == BLANK)[:, :, None] | (columns == BLANK)[:, None, :]
        return self._take(rows.clamp(min=0), columns.clamp(min=0)).masked_fill_(blank[:, None], 0)

    def _take(self, rows: Tensor, columns: Tensor) -> Tensor:
        num_images, channels, _, width = self.images.shape
        pixels = (rows * width)[:, :, None] + columns[:, None, :]
        flat = pixels.view(num_images, 1, -1).expand(-1, channels, -1)
        taken = self.images.reshape(num_images, channels, -1).gather(2, flat)
        return taken.view(num_images, channels, *pixels.shape[1:])
