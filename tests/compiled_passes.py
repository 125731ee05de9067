"""What runs through compiled networks, without the time that Inductor takes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule


def noted(monkeypatch: pytest.MonkeyPatch) -> list[GraphModule]:
    """Compile to torch's own operations from now on; give the graph of each pass, as they come."""
    passes: list[GraphModule] = []

    def compile_noting(graph: GraphModule, inputs: list[Tensor], mode: str | None = None) -> Callable[..., Any]:
        run = torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

        def noting(*arguments: Any) -> Any:
            passes.append(graph)
            return run(*arguments)

        return noting

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=compile_noting))
    return passes
