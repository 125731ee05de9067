"""What layers give, as maps of features over the image."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from litclassify.networks import dry_run

# Tokens that are not patches: class, distillation, and up to 16 registers (https://arxiv.org/abs/2309.16588).
MAX_OTHER_TOKENS = 18


def as_map(features: Tensor, height: int, width: int) -> Tensor | None:
    """Give what a layer gives as a map of features, or None if it is none.

    Of channels first and channels last, a grid is taken as what has the proportions of the image. Tokens are those of
    square patches, row by row, behind others such as that of the class, which are dropped.

    Args:
        features: (N, C, h, w), (N, h, w, C) or tokens (N, T, C).
        height: Of the image that the features are of, in pixels.
        width: Likewise.

    Returns:
        (N, C, h, w).
    """
    if features.ndim == 4:  # noqa: PLR2004
        first, last = (_distortion(grid, height, width) for grid in (features.shape[2:], features.shape[1:3]))
        return features.permute(0, 3, 1, 2) if last < first else features
    if features.ndim == 3:  # noqa: PLR2004
        count = features.shape[1]
        grid = next((grid for grid in _patch_grids(height, width) if math.prod(grid) <= count), None)
        if grid is not None and count - math.prod(grid) <= MAX_OTHER_TOKENS:
            return features[:, count - math.prod(grid) :].transpose(1, 2).reshape(len(features), -1, *grid)
    return None


def num_positions(feature_map: Tensor) -> int:
    """Give h * w of a map (N, C, h, w)."""
    return math.prod(feature_map.shape[2:])


@contextmanager
def recorded_outputs(network: nn.Module, modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Give a dict that gets what each module gave last, in order, when the network is run.

    Its logits can be differentiated by that, whichever parameters require a gradient. The network is
    left as it was: training modes, buffers, gradients, hooks and random state.

    Args:
        network: Evaluated in here, without gradients up to the first of the modules.
        modules: Of the network, by their names.
    """
    outputs: dict[str, Tensor] = {}
    zero = torch.zeros((), requires_grad=True)

    def hook_for(name: str) -> Any:
        def hook(_module: nn.Module, _args: Any, output: Any) -> Tensor | None:
            if not isinstance(output, Tensor) or not output.is_floating_point():
                return None
            torch.set_grad_enabled(True)
            outputs.pop(name, None)
            outputs[name] = output + zero  # No leaf: the network may go on to change it in place.
            return outputs[name]

        return hook

    handles = [module.register_forward_hook(hook_for(name)) for name, module in modules.items()]
    try:
        # A network that was compiled would run without hooks.
        with torch.inference_mode(False), torch.compiler.set_stance("force_eager"), dry_run(network):
            yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _distortion(grid: torch.Size, height: int, width: int) -> float:
    """Give how far the proportions of a grid are from the image's; 0 for the same."""
    rows, columns = grid
    return abs(math.log(rows * width / (columns * height)))


def _patch_grids(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Give the grids of more than one position that square patches make of an image, the finest first."""
    common = math.gcd(height, width)
    for size in range(1, common + 1):
        if common % size == 0 and height * width > size * size:
            yield height // size, width // size
