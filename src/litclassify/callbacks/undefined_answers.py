"""What is said of images for which a network gives no probabilities."""

from litclassify.errors import UserError


def undefined_answers(count: int, images: str, example: str) -> UserError:
    """Say how many images there are of which nothing can be said, and why that may be.

    Args:
        count: How many there are.
        images: Among how many, in words.
        example: Path of one of them.
    """
    return UserError(
        f"The network gives nan or inf for {count} of {images}, such as '{example}': its weights are not finite, or "
        "its values grow too large for trainer.precision. With 32-true they have the most room."
    )
