"""Gradients of a convolution's weights where its output is a few pixels: LitClassify's way against torch's, on a CPU.

Layers of torchvision's ResNets at 32x32 and 64x64 and of ResNet9, and at the end a whole step of ResNet-18 at 32x32.
Both ways are compared in each case: the gradients' distance over their length is printed.

Run: python -m benchmarks.small_maps [--batch_size 256] [--rounds 7]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from benchmarks.comparison import alternate, median_ratio, print_table
from litclassify.cli.process_tuning import keep_freed_memory
from litclassify.networks import hasten_small_maps
from litclassify.networks.small_maps import SmallMapConv2d

# Channels in, channels out, kernel, stride, size of the input.
LAYERS = [
    *((512, 512, 3, 1, 1), (256, 512, 3, 2, 2), (256, 256, 3, 1, 2), (128, 256, 3, 2, 4)),
    *((512, 512, 3, 1, 2), (512, 512, 3, 1, 4), (2048, 512, 1, 1, 1), (512, 2048, 1, 1, 2)),
]
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
Measure = Callable[[], tuple[float, Tensor]]


def backward_of(layer: nn.Module, features: Tensor) -> Measure:
    """Give a call that computes the gradient of a layer's weights: its milliseconds, and the gradient."""

    def measure() -> tuple[float, Tensor]:
        output = layer(features).float().square().sum()
        start = time.perf_counter()
        (gradient,) = torch.autograd.grad(output, [next(layer.parameters())])
        return 1e3 * (time.perf_counter() - start), gradient

    return measure


def step_of(network: nn.Module, images: Tensor, dtype: torch.dtype) -> Measure:
    """Give a call that computes the gradients of a network: its milliseconds, and the gradients."""
    targets = torch.arange(len(images)) % 10

    def measure() -> tuple[float, Tensor]:
        start = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = nn.functional.cross_entropy(network(images), targets)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        milliseconds = 1e3 * (time.perf_counter() - start)
        return milliseconds, torch.cat([gradient.flatten() for gradient in gradients])

    return measure


def row(name: str, of_torch: Measure, own: Measure, rounds: int) -> list[str]:
    """Give medians, how many times as long torch's way takes, and how far the gradients are apart."""
    (_, expected), (_, computed) = of_torch(), own()
    times = alternate({"torch": lambda: of_torch()[0], "own": lambda: own()[0]}, rounds)
    distance = float((computed - expected).float().norm() / expected.float().norm())
    medians = [f"{statistics.median(values):.2f}" for values in times.values()]
    return [name, *medians, f"{median_ratio(times['torch'], times['own']):.2f}", f"{distance:.0e}"]


def layer_row(dtype_name: str, layer: tuple[int, int, int, int, int], batch_size: int, rounds: int) -> list[str]:
    """Compare one layer."""
    dtype = DTYPES[dtype_name]
    channels_in, channels_out, kernel, stride, size = layer
    make = partial(nn.Conv2d, channels_in, channels_out, kernel, stride, kernel // 2, bias=False, dtype=dtype)
    convolution = make().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    features = torch.randn(batch_size, channels_in, size, size, dtype=dtype)
    features = features.to(memory_format=torch.channels_last)
    hastened = SmallMapConv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False, dtype=dtype)
    hastened.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    hastened.load_state_dict(convolution.state_dict())
    name = f"{channels_in} to {channels_out}, {kernel}x{kernel}, {size}x{size}, stride {stride}, {dtype_name}"
    return row(name, backward_of(convolution, features), backward_of(hastened, features), rounds)


def step_row(dtype_name: str, batch_size: int, rounds: int) -> list[str]:
    """Compare a whole step."""
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(resnet18(num_classes=10).to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    hasten_small_maps(networks[1])
    images = torch.randn(batch_size, 3, 32, 32).to(memory_format=torch.channels_last)
    steps = [step_of(network, images, DTYPES[dtype_name]) for network in networks]
    return row(f"a step of ResNet-18, {dtype_name}", *steps, rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    sizes = (arguments.batch_size, arguments.rounds)
    rows = [layer_row(dtype, layer, *sizes) for dtype, layer in product(DTYPES, LAYERS)]
    rows += [step_row(dtype, *sizes) for dtype in DTYPES]
    print_table(f"batches of {arguments.batch_size}", ["gradient", "torch, ms", "own, ms", "ratio", "distance"], rows)


if __name__ == "__main__":
    main()
