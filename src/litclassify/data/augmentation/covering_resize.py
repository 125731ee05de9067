"""Resizing for images that are not square."""

from typing import Any

from torchvision.transforms import v2


class CoveringResize(v2.Transform):  # type: ignore[misc]  # torchvision has no types.
    """Resize so that an image just covers a size, and keeps its proportions: one side fits, the other is no shorter.

    For a square, this is what `Resize` does with one number. It resizes bilinearly, with antialiasing.

    Args:
        size: Height and width in pixels.
    """

    interpolation = v2.InterpolationMode.BILINEAR
    antialias = True

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Give the size that the first image gets."""
        height, width = v2.functional.get_size(flat_inputs[0])
        new_height, new_width = self.size
        if new_height * width >= new_width * height:
            return {"size": [new_height, new_height * width // height]}
        return {"size": [new_width * height // width, new_width]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Resize an image."""
        return v2.functional.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)

    def extra_repr(self) -> str:
        """Give the argument."""
        return f"size={self.size}"
