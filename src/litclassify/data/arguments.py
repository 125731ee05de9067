"""Values that data modules take, checked."""

from litclassify.errors import UserError


def at_least(minimum: int, value: int, key: str) -> int:
    """Give a value back.

    Raises:
        UserError: It is less than `minimum`.
    """
    if value < minimum:
        raise UserError(f"{key} must be at least {minimum}, got {value}.")
    return value


def as_seed(seed: int) -> int:
    """Give a seed back.

    Raises:
        UserError: It is not in [0, 2**32).
    """
    if not 0 <= seed < 2**32:
        raise UserError(f"data.seed must be from 0 to {2**32 - 1}, got {seed}.")
    return seed


def as_height_width(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Give height and width, of which one number stands for both.

    Raises:
        UserError: One is less than 1.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if height < 1 or width < 1:
        raise UserError(f"data.image_size must be positive, as one number or [height, width], got {image_size}.")
    return height, width
