"""Which optimizers update all parameters with one kernel."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn import Parameter
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from litclassify.optim import build_optimizer


def parameters() -> list[Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 4), (3,))]


def is_fused(optimizer: Optimizer) -> bool:
    return all(group.get("fused") is True for group in optimizer.param_groups)


FACTORIES: list[Callable[..., Optimizer]] = [
    partial(SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    partial(Adam, lr=0.01),
    partial(AdamW, lr=0.01, weight_decay=0.1),
    partial(Adagrad, lr=0.1),
]


@pytest.mark.parametrize("factory", FACTORIES)
def test_fused_is_the_default_and_steps_alike(factory: Callable[..., Optimizer]) -> None:
    ours, plain = parameters(), parameters()
    optimizers = build_optimizer(factory, ours), factory(plain)
    assert [is_fused(optimizer) for optimizer in optimizers] == [True, False]
    for step in range(20):
        for optimizer, group in zip(optimizers, (ours, plain), strict=True):
            for parameter in group:
                parameter.grad = torch.sin(parameter.detach() * 3 + step)
            optimizer.step()
    for parameter, expected in zip(ours, plain, strict=True):
        torch.testing.assert_close(parameter, expected)


@pytest.mark.parametrize("chosen", [{"fused": False}, {"foreach": True}, {"foreach": False}, {"differentiable": True}])
def test_what_is_chosen_holds(chosen: dict[str, Any]) -> None:
    optimizer = build_optimizer(partial(Adam, **chosen), parameters())
    assert not is_fused(optimizer)
    assert {name: optimizer.defaults[name] for name in chosen} == chosen


def test_an_optimizer_without_a_fused_kernel_is_left_as_it_is() -> None:
    optimizer = build_optimizer(RMSprop, parameters())
    assert isinstance(optimizer, RMSprop)
    assert not is_fused(optimizer)


def test_a_function_of_the_parameters_alone_will_do() -> None:
    optimizer = build_optimizer(lambda parameters: Adam(parameters, lr=0.5), parameters())
    assert optimizer.defaults["lr"] == 0.5


def test_complex_parameters_are_not_fused() -> None:
    assert not is_fused(build_optimizer(Adam, [Parameter(torch.zeros(2, dtype=torch.complex64))]))
