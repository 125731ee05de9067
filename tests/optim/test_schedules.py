import math
from itertools import pairwise

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR

from litclassify.errors import UserError
from litclassify.optim import WarmupCosine, warmup_cosine


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
