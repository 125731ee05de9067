"""Copies to a device."""

from collections.abc import Iterator

import pytest
import torch

from litclassify.device_copies import to_device


def test_what_lies_on_the_device_is_not_copied() -> None:
    values = torch.arange(3)
    assert to_device(values, torch.device("cpu")) is values


def test_a_device_that_is_no_gpu_gets_a_copy() -> None:
    assert to_device(torch.arange(3), torch.device("meta")).is_meta


@pytest.fixture
def _errors_where_the_gpu_is_waited_for() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.usefixtures("_errors_where_the_gpu_is_waited_for")
def test_a_gpu_is_not_waited_for() -> None:
    values = torch.arange(1 << 20)
    with pytest.raises(RuntimeError, match="synchronizing"):
        values.to("cuda")
    copies = [to_device(values + i, torch.device("cuda", 0)) for i in range(5)]
    torch.cuda.set_sync_debug_mode("default")
    assert all(torch.equal(copy.cpu(), values + i) for i, copy in enumerate(copies))
