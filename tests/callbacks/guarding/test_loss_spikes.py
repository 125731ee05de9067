import numpy as np
import pytest

from litclassify.callbacks.guarding.loss_spikes import SpikeDetector

RNG = np.random.default_rng(0)
FALLING = (2.3 * np.exp(-np.arange(600) / 150) + RNG.gamma(1, 0.05, 600)).tolist()


def spikes_in(losses: list[float]) -> list[int]:
    detector = SpikeDetector()
    return [step for step, loss in enumerate(losses) if detector.add(loss) is not None]


def test_a_loss_that_falls_with_noise_has_no_spike() -> None:
    assert spikes_in(FALLING) == []


def test_a_single_hard_batch_is_no_spike() -> None:
    assert spikes_in([*FALLING, 9.0, *FALLING[-100:], 9.0, 9.0]) == []


def test_losses_that_stay_high_are_a_spike_once_in_128_steps() -> None:
    """The third of the latest five makes the median."""
    assert spikes_in([*FALLING, *[5.0] * 60]) == [602]
    again = [*FALLING, *[5.0] * 5, *FALLING[-200:], *[5.0] * 5]
    assert spikes_in(again) == [602, 807]


def test_the_first_steps_have_none() -> None:
    assert spikes_in([*[2.3] * 40, *[50.0] * 20]) == []


def test_a_loss_that_rises_near_zero_is_of_no_concern() -> None:
    assert spikes_in([*FALLING[:200], *[1e-4] * 200, *[0.05] * 50]) == []


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_scale_of_the_loss_does_not_matter(factor: float) -> None:
    assert spikes_in([factor * loss for loss in [*FALLING, *[5.0] * 60]]) == [602]
