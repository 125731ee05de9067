"""What the losses of a training at ever higher learning rates say about the rate to take."""

from collections.abc import Sequence

from litclassify.errors import UserError


def exponential_rates(lowest: float, highest: float, steps: int) -> list[float]:
    """Give learning rates from the lowest to the highest, each a constant factor above the one before.

    Raises:
        UserError: They are not ascending positive numbers, or too few to tell anything.
    """
    if not 0 < lowest < highest:
        raise UserError(f"The learning rates must be above 0 and ascending, got {lowest} to {highest}.")
    if steps < 10:  # noqa: PLR2004
        raise UserError(f"The number of learning rates to try must be at least 10, got {steps}.")
    return [lowest * (highest / lowest) ** (step / (steps - 1)) for step in range(steps)]


def smoothed(losses: Sequence[float], share: float = 0.98) -> list[float]:
    """Give exponential moving averages, corrected for their start at 0.

    Args:
        losses: One of each step.
        share: What each average keeps of the one before.
    """
    averages, average = [], 0.0
    for step, loss in enumerate(losses, start=1):
        average = share * average + (1 - share) * loss
        averages.append(average / (1 - share**step))
    return averages


def valley(losses: Sequence[float]) -> int:
    """Give the index in the middle of the longest valley: where the loss falls steadily.

    Source: https://github.com/fastai/fastai, callback/schedule.py, `valley`.

    Args:
        losses: Smoothed.
    """
    lengths = [1] * len(losses)
    for i, loss in enumerate(losses):
        lengths[i] += max((lengths[j] for j in range(i) if losses[j] > loss), default=0)
    end = lengths.index(max(lengths))
    start = end - lengths[end]
    return max(0, start + int((end - start) / 3) + int((end - start) / 6))
