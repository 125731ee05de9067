"""What a search for a learning rate makes of its losses."""

import math

import pytest

from litclassify.errors import UserError
from litclassify.optim.rate_range import exponential_rates, smoothed, valley


def losses_of(kind: str) -> list[float]:
    """Losses at 100 rates: flat, falling, rising."""
    noise = {"clean": 0.0, "noisy": 0.2}[kind]
    return [
        2.3 - 1.5 / (1 + math.exp(-(i - 50) / 6)) + math.exp((i - 95) / 3) + noise * math.sin(7 * i) for i in range(100)
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


@pytest.mark.parametrize("kind", ["clean", "noisy"])
def test_the_valley_is_that_of_fastai(kind: str) -> None:
    schedule = pytest.importorskip("fastai.callback.schedule")
    losses = smoothed(losses_of(kind), share=0.9)
    rate, _ = schedule.valley(list(range(100)), losses, 100)
    assert valley(losses) == rate


def test_the_valley_lies_where_the_loss_falls() -> None:
    losses = losses_of("clean")
    index = valley(losses)
    assert losses[0] - 0.05 > losses[index] > min(losses) + 0.05
    assert index < losses.index(min(losses))
