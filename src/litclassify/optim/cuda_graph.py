"""Computations that a GPU starts all at once."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class RecordedFunction:
    """A function of tensors on a GPU, whose computations are recorded once and then started together (CUDA graph).

    To start a small computation takes the program longer than the GPU needs for it.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs

    Args:
        function: Takes and gives a list of tensors, waits for nothing, and decides nothing by their values.
        arguments: Of the shapes, dtypes, layouts and device of all to come.
    """

    def __init__(self, function: Callable[[list[Tensor]], list[Tensor]], arguments: Sequence[Tensor]) -> None:
        self._arguments = [torch.empty_like(argument) for argument in arguments]
        torch._foreach_copy_(self._arguments, list(arguments))
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(arguments[0].device):
            self._run_aside(function)  # Libraries set up what they need, which cannot be recorded.
            # Other threads, which pin memory for batches, may go on.
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._results = function(self._arguments)

    def _run_aside(self, function: Callable[[list[Tensor]], list[Tensor]]) -> None:
        aside, current = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call] # of torch
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            function(self._arguments)
        current.wait_stream(aside)

    def __call__(self, arguments: Sequence[Tensor]) -> list[Tensor]:
        """Compute; the results are overwritten by the next call."""
        torch._foreach_copy_(self._arguments, list(arguments))
        self._graph.replay()
        return self._results
