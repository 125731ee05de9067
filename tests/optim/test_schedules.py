import math
from itertools import pairwise

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, MultiStepLR, PolynomialLR, SequentialLR

from litclassify.errors import UserError
from litclassify.optim import (
    WarmupCosine,
    WarmupMultiStep,
    WarmupPolynomial,
    warmup_cosine,
    warmup_multistep,
    warmup_polynomial,
)

TOTAL, WARMUP = 20, 5


def make_optimizer(*rates):
    return SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in rates or (0.5,)])


def run(optimizer, scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("final_scale", [0.0, 0.1])
def test_without_warmup_it_is_the_cosine_of_torch(final_scale):
    optimizer = make_optimizer(0.5)
    expected = run(optimizer, CosineAnnealingLR(optimizer, T_max=20, eta_min=0.5 * final_scale), 20)
    actual = [0.5 * warmup_cosine(step, 20, 0, final_scale) for step in range(20)]
    assert actual == pytest.approx([rate for (rate,) in expected])


@pytest.mark.parametrize("warmup_steps", [1, 4, 9])
def test_warmup_rises_linearly_from_above_zero_to_one(warmup_steps):
    scales = [warmup_cosine(step, 10, warmup_steps) for step in range(warmup_steps + 1)]
    rises = [b - a for a, b in pairwise(scales)]
    assert rises == pytest.approx([scales[0]] * warmup_steps)
    assert scales[-1] == 1


@pytest.mark.parametrize(("total_steps", "warmup_steps"), [(1, 0), (1, 1), (10, 0), (10, 3), (100, 99)])
def test_scales_stay_in_range_and_end_at_the_final_scale(total_steps, warmup_steps):
    scales = [warmup_cosine(step, total_steps, warmup_steps, 0.1) for step in range(total_steps + 5)]
    assert all(0.0 < scale <= 1.0 for scale in scales)
    assert scales[total_steps:] == [0.1] * 5
    assert scales[warmup_steps:] == sorted(scales[warmup_steps:], reverse=True)


def test_halfway_through_the_cosine_is_halfway_down():
    assert warmup_cosine(15, total_steps=20, warmup_steps=10, final_scale=0.2) == pytest.approx(0.6)


def test_scheduler_scales_every_group_by_the_function():
    optimizer = make_optimizer(0.5, 0.01)
    rates = run(optimizer, WarmupCosine(optimizer, total_steps=20, warmup=0.2, final_scale=0.1), 20)
    scales = [warmup_cosine(step, 20, 4, 0.1) for step in range(20)]
    assert rates == [pytest.approx([0.5 * scale, 0.01 * scale]) for scale in scales]


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(tmp_path):
    optimizer = make_optimizer(0.5, 0.01)
    scheduler = WarmupCosine(optimizer, total_steps=20)
    run(optimizer, scheduler, 7)
    torch.save([optimizer.state_dict(), scheduler.state_dict()], tmp_path / "checkpoint.pt")
    expected = run(optimizer, scheduler, 13)

    resumed_optimizer = make_optimizer(0.5, 0.01)
    resumed = WarmupCosine(resumed_optimizer, total_steps=20)
    optimizer_state, scheduler_state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    resumed_optimizer.load_state_dict(optimizer_state)
    resumed.load_state_dict(scheduler_state)
    assert run(resumed_optimizer, resumed, 13) == expected


def test_the_state_holds_nothing_of_the_curve():
    state = WarmupCosine(make_optimizer(), total_steps=20).state_dict()
    assert not {"total_steps", "warmup", "final_scale"} & state.keys()
    assert state["lr_lambdas"] == [None]


@pytest.mark.parametrize("total_steps", [None, 0, -1, math.inf])
def test_an_unknown_length_of_the_run_is_refused(total_steps):
    with pytest.raises(UserError, match=rf"total_steps must be .*, got {total_steps}\. In Python pass it"):
        WarmupCosine(make_optimizer(), total_steps=total_steps)


@pytest.mark.parametrize("warmup", [-0.1, 1.0, 5, math.nan])
def test_warmup_outside_its_range_is_refused(warmup):
    with pytest.raises(
        UserError, match=rf"model\.lr_scheduler\.warmup must be at least 0 and less than 1, got {warmup}"
    ):
        WarmupCosine(make_optimizer(), total_steps=20, warmup=warmup)


@pytest.mark.parametrize("final_scale", [-0.1, 1.5])
def test_final_scale_outside_its_range_is_refused(final_scale):
    with pytest.raises(UserError, match=rf"model\.lr_scheduler\.final_scale must be from 0 to 1, got {final_scale}"):
        WarmupCosine(make_optimizer(), total_steps=20, final_scale=final_scale)


# What follows the warm-up, in torch's words and in ours.
DECAYS = {
    "cosine": (
        lambda optimizer: CosineAnnealingLR(optimizer, TOTAL - WARMUP),
        lambda optimizer: WarmupCosine(optimizer, TOTAL, 0.25),
    ),
    "linear": (
        lambda optimizer: PolynomialLR(optimizer, TOTAL - WARMUP, power=1),
        lambda optimizer: WarmupPolynomial(optimizer, TOTAL, 0.25),
    ),
    "square": (
        lambda optimizer: PolynomialLR(optimizer, TOTAL - WARMUP, power=2),
        lambda optimizer: WarmupPolynomial(optimizer, TOTAL, 0.25, power=2),
    ),
    "steps": (
        lambda optimizer: MultiStepLR(optimizer, [10 - WARMUP, 15 - WARMUP], gamma=0.2),
        lambda optimizer: WarmupMultiStep(optimizer, [0.5, 0.75], TOTAL, 0.25, gamma=0.2),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # SequentialLR of torch passes it.
@pytest.mark.parametrize("name", DECAYS)
def test_schedules_are_those_of_torch_in_sequence(name):
    theirs, ours = DECAYS[name]
    optimizer, other = make_optimizer(0.5, 0.01), make_optimizer(0.5, 0.01)
    rise = LinearLR(optimizer, 1 / (WARMUP + 1), total_iters=WARMUP)
    expected = run(optimizer, SequentialLR(optimizer, [rise, theirs(optimizer)], [WARMUP]), TOTAL)
    actual = run(other, ours(other), TOTAL)
    assert [rate for rates in actual for rate in rates] == pytest.approx([rate for rates in expected for rate in rates])


@pytest.mark.parametrize("step", [0, 3, 5, 12, 19])
def test_cosine_and_line_are_those_of_transformers_but_for_the_first_step_of_the_rise(step):
    """Formulas of get_cosine_schedule_with_warmup and get_linear_schedule_with_warmup, whose rise begins at 0."""
    if step < WARMUP:
        assert warmup_cosine(step, TOTAL, WARMUP) == warmup_polynomial(step, TOTAL, WARMUP) == (step + 1) / (WARMUP + 1)
        return
    progress = (step - WARMUP) / (TOTAL - WARMUP)
    assert warmup_cosine(step, TOTAL, WARMUP) == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.5 * 2 * progress)))
    assert warmup_polynomial(step, TOTAL, WARMUP) == pytest.approx((TOTAL - step) / (TOTAL - WARMUP))


def test_power_zero_is_constant_after_the_warmup():
    assert {warmup_polynomial(step, TOTAL, WARMUP, power=0) for step in range(WARMUP, TOTAL + 5)} == {1}


def test_milestones_count_from_the_step_on():
    assert [warmup_multistep(step, [2, 3], 0, 0.5) for step in range(5)] == [1, 1, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("milestones", [[], [0.5, 0.4], [0.5, 0.5], [0.0, 0.5], [0.5, 1.0], [30, 60], [math.nan]])
def test_milestones_that_are_no_rising_fractions_are_refused(milestones):
    with pytest.raises(UserError, match=r"model\.lr_scheduler\.milestones must be fractions of the run, .*, got \["):
        WarmupMultiStep(make_optimizer(), milestones, 20)


def test_a_warmup_past_the_first_milestone_is_refused():
    with pytest.raises(UserError, match=r"warmup is 0\.5: it must end before the first milestone, 0\.5"):
        WarmupMultiStep(make_optimizer(), [0.5, 0.75], 20, warmup=0.5)


@pytest.mark.parametrize("gamma", [0, -1, math.inf])
def test_a_factor_that_is_not_positive_is_refused(gamma):
    with pytest.raises(UserError, match=rf"model\.lr_scheduler\.gamma must be above 0, got {gamma}"):
        WarmupMultiStep(make_optimizer(), [0.5], 20, gamma=gamma)


@pytest.mark.parametrize("power", [-1, math.inf])
def test_a_negative_power_is_refused(power):
    with pytest.raises(UserError, match=rf"model\.lr_scheduler\.power must be at least 0, got {power}"):
        WarmupPolynomial(make_optimizer(), 20, power=power)


def test_a_final_scale_without_effect_is_refused():
    with pytest.raises(UserError, match="with power 0 the rate never falls"):
        WarmupPolynomial(make_optimizer(), 20, power=0, final_scale=0.1)


@pytest.mark.parametrize(("total_steps", "warmup"), [(2, 0.8), (1, 0.05), (1, 0.9), (10, 0.99)])
def test_a_warmup_that_rounds_to_the_whole_run_leaves_a_step(total_steps: int, warmup: float) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = WarmupCosine(optimizer, total_steps=total_steps, warmup=warmup)
    rates = []
    for _ in range(total_steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates[-1] == 1
