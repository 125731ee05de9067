"""Computations that a GPU starts all at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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
            # That of torch belongs to the device that was the first to record.
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call] # of torch
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                function(self._arguments)  # Libraries set up what they need, which cannot be recorded.
            # Other threads, which pin memory for batches, may go on.
            graph = torch.cuda.graph(self._graph, stream=aside, capture_error_mode="thread_local")
            with _workspace_of_its_own(), graph:
                self._results = function(self._arguments)

    def __call__(self, arguments: Sequence[Tensor]) -> list[Tensor]:
        """Compute; the results are overwritten by the next call."""
        torch._foreach_copy_(self._arguments, list(arguments))
        self._graph.replay()
        return self._results


@contextmanager
def _workspace_of_its_own() -> Iterator[None]:
    """Let cuBLAS take memory of the record to work in, and nothing recorded later take the same.

    What it has for a stream already is freed whenever a compiled network records (`torch._inductor.cudagraph_trees`,
    which does as is done here): a record that works there would write to memory of others.
    """
    torch._C._cuda_clearCublasWorkspaces()
    try:
        yield
    finally:
        torch._C._cuda_clearCublasWorkspaces()
