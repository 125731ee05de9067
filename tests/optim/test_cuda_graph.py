"""Records of computations, which need a GPU."""

import gc

import pytest
import torch
from torch import Tensor

from litclassify.optim.cuda_graph import RecordedFunction


def squared(matrices: list[Tensor]) -> list[Tensor]:
    return [matrix @ matrix.mT for matrix in matrices]


@pytest.mark.gpu
def test_a_record_computes_with_the_values_of_each_call() -> None:
    first, second = (torch.randn(2, 64, 32, device="cuda") for _ in range(2))
    record = RecordedFunction(squared, list(first))
    for values in (first, second, first):
        torch.testing.assert_close(record(list(values)), squared(list(values)))


@pytest.mark.gpu
def test_a_record_needs_no_memory_of_an_earlier_one() -> None:
    values = list(torch.randn(2, 512, 512, device="cuda"))
    earlier = RecordedFunction(squared, values)
    record = RecordedFunction(squared, values)
    expected = squared(values)
    del earlier
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()  # As compiled networks do.
    torch.cuda.empty_cache()
    torch.testing.assert_close(record(values), expected)
