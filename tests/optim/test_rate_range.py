"""What a search for a learning rate makes of its losses."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from litclassify.errors import UserError
from litclassify.optim.rate_range import exponential_rates, smoothed, valley


def losses_of(seed: int, noise: float) -> list[float]:
    """Losses at 100 rates: flat, falling, rising; evenly spread around that by up to `noise`."""
    source = random.Random(seed)
    return [
        2.3 - 1.5 / (1 + math.exp(-(i - 50) / 6)) + math.exp((i - 95) / 3) + noise * (2 * source.random() - 1)
        for i in range(100)
    ]


def test_rates_are_a_constant_factor_apart() -> None:
    assert exponential_rates(1e-4, 1.0, 13) == pytest.approx([1e-4 * 10 ** (i / 3) for i in range(13)])


@pytest.mark.parametrize("range_", [(0.0, 1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, 0.1), (math.nan, 1.0)])
def test_rates_that_do_not_rise_from_above_zero_are_refused(range_: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="must be above 0 and ascending, got"):
        exponential_rates(*range_, steps=100)


def test_too_few_rates_are_refused() -> None:
    with pytest.raises(UserError, match="at least 10, got 9"):
        exponential_rates(0.1, 1.0, steps=9)


def test_the_average_of_a_constant_is_the_constant() -> None:
    assert smoothed([2.0] * 5) == pytest.approx([2.0] * 5)


@pytest.mark.parametrize("share", [0.5, 0.98])
def test_an_average_weighs_losses_by_their_age(share: float) -> None:
    losses = losses_of(0, 0.5)
    expected = [np.average(losses[: n + 1], weights=share ** np.arange(n, -1.0, -1.0)) for n in range(100)]
    assert smoothed(losses, share) == pytest.approx(expected, rel=1e-9)


# By `AvgSmoothLoss` and `valley` of fastai 2.8.12, which smooths in float32.
@pytest.mark.parametrize(
    ("seed", "noise", "averages", "of_losses", "of_averages"),
    [
        (0, 0.0, [2.2996, 2.2991, 2.1370, 1.5162], 38, 45),
        (1, 0.2, [2.1534, 2.2774, 2.1325, 1.5332], 73, 54),
        (3, 0.5, [2.0376, 2.1762, 2.1788, 1.5485], 74, 63),
        (4, 0.2, [2.1941, 2.2653, 2.1370, 1.5063], 65, 60),
        (5, 1.0, [2.5454, 2.6643, 2.1301, 1.4774], 72, 64),
    ],
)
def test_the_averages_and_the_valley_are_those_of_fastai(
    seed: int, noise: float, averages: list[float], of_losses: int, of_averages: int
) -> None:
    losses = losses_of(seed, noise)
    found = smoothed(losses)
    assert [found[step] for step in (0, 9, 49, 99)] == pytest.approx(averages, abs=1e-4)
    assert valley(losses) == of_losses
    assert valley(found) == of_averages


# By `valley` of fastai 2.8.12.
@pytest.mark.parametrize(("losses", "expected"), [([2.0] * 20, 0), (range(20), 0), (range(20, 0, -1), 8)])
def test_losses_without_a_valley_have_the_index_of_fastai(losses: Sequence[float], expected: int) -> None:
    assert valley(losses) == expected


def test_the_valley_lies_where_the_loss_falls() -> None:
    losses = losses_of(0, noise=0.0)
    index = valley(losses)
    assert losses[0] - 0.05 > losses[index] > min(losses) + 0.05
    assert index < losses.index(min(losses))
