"""Gradients of convolutions whose output is a few pixels, on a CPU.

oneDNN, which computes them for torch, parallelises over the pixels of a map. Where there are few, as in the last stages
of a ResNet on images of 32x32, the gradient of the weights takes several times as long as all else: 26 ms of a layer
whose output takes 2 (512 channels, 3x3, batches of 384 in bfloat16). As a matrix product for each place of the kernel
it takes 0.3 ms; see docs/performance.md. Results differ by rounding alone.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

# What is worth it by measurements: images of a batch, and channels on both sides, at least and for each pixel.
FEWEST_IMAGES = 32
FEWEST_CHANNELS = 128
CHANNELS_PER_PIXEL = 16
Pair = tuple[int, int]


def hasten_small_maps(network: nn.Module) -> None:
    """Let each `Conv2d` of a network compute its gradients that way where it is faster, in place.

    Parameters, hooks and names stay. A subclass of `Conv2d`, whose forward pass is its own, is left as it is.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = SmallMapConv2d


def restore_convolutions(network: nn.Module) -> None:
    """Make each `Conv2d` what it was: tools that rewrite networks, as torch.fx does, know torch's classes."""
    for module in network.modules():
        if type(module) is SmallMapConv2d:
            module.__class__ = nn.Conv2d  # type: ignore[assignment]


class SmallMapConv2d(nn.Conv2d):
    """`Conv2d`, with faster gradients of its weights where its output is a few pixels of many channels."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Give the convolution of features (N, C, H, W) or (C, H, W)."""
        if not self._is_plain() or not _is_recorded(input, self.weight):
            return super().forward(input)
        dtype = _computing_dtype(input, self.weight)
        if not self._is_worth_it(input, dtype):
            return super().forward(input)
        bias = None if self.bias is None else self.bias.to(dtype)
        with torch.autocast("cpu", enabled=False):
            output: Tensor = _SmallMapConvolution.apply(
                input.to(dtype), self.weight.to(dtype), bias, self.stride, self.padding
            )
        return output

    def _is_plain(self) -> bool:
        return (
            self.groups == 1
            and self.dilation == (1, 1)
            and self.padding_mode == "zeros"
            and not isinstance(self.padding, str)
            and min(self.in_channels, self.out_channels) >= FEWEST_CHANNELS
        )

    def _is_worth_it(self, features: Tensor, dtype: torch.dtype | None) -> bool:
        """Say whether it is faster; in float32, oneDNN is about as fast from two pixels on."""
        height, width = (self._output_size(features, dimension) for dimension in (0, 1))
        pixels = height * width
        if len(features) < FEWEST_IMAGES or pixels <= 0:
            return False
        if dtype == torch.float32:
            return pixels == 1
        channels = min(self.in_channels, self.out_channels)
        return dtype == torch.bfloat16 and pixels * CHANNELS_PER_PIXEL <= channels

    def _output_size(self, features: Tensor, dimension: int) -> int:
        padded = features.shape[2 + dimension] + 2 * int(self.padding[dimension])
        return (padded - self.kernel_size[dimension]) // self.stride[dimension] + 1


def _is_recorded(features: Tensor, weight: Tensor) -> bool:
    """Say whether gradients on a CPU are going to be computed by autograd itself."""
    return (
        features.device.type == "cpu"
        and features.dim() == 4  # noqa: PLR2004 - (N, C, H, W)
        and torch.is_grad_enabled()
        and weight.requires_grad
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not torch._C._are_functorch_transforms_active()
    )


def _computing_dtype(features: Tensor, weight: Tensor) -> torch.dtype | None:
    """Give what torch computes this in; None if it does not, or in each input's own."""
    if torch.is_autocast_enabled("cpu") and torch.float64 not in (features.dtype, weight.dtype):
        return torch.get_autocast_dtype("cpu")
    return features.dtype if features.dtype == weight.dtype else None


class _SmallMapConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, features: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.stride, ctx.padding = stride, padding  # type: ignore[attr-defined]
        return torch.conv2d(features, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        needed = ctx.needs_input_grad[:3]
        by_torch = needed
        if not torch.is_grad_enabled():  # Otherwise gradients have gradients, which torch's own function has.
            by_torch = (needed[0], False, needed[2])
        of_features, of_weight, of_bias = torch.ops.aten.convolution_backward(
            *(gradient, features, weight, [len(weight)], ctx.stride, ctx.padding),
            *((1, 1), False, (0, 0), 1, by_torch),
        )
        if not by_torch[1]:
            of_weight = weight_gradient(features, gradient, weight, ctx.stride, ctx.padding)
        return of_features, of_weight, of_bias, None, None


def weight_gradient(features: Tensor, gradient: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """Give the gradient of a convolution's weights, (O, C, kernel height, kernel width), in memory as they are.

    Args:
        features: What the convolution got, (N, C, H, W).
        gradient: That of its output, (N, O, H', W').
        weight: Its weights.
        stride: In pixels, of height and width.
        padding: Zeros at either end, likewise.
    """
    features, gradient = (maps.permute(0, 2, 3, 1).contiguous() for maps in (features, gradient))
    outputs, channels, kernel_height, kernel_width = weight.shape
    of_weight = features.new_empty(outputs, kernel_height, kernel_width, channels)
    for row in range(kernel_height):
        rows_in, rows_out = _meeting(row, features.shape[1], gradient.shape[1], stride[0], padding[0])
        for column in range(kernel_width):
            columns_in, columns_out = _meeting(column, features.shape[2], gradient.shape[2], stride[1], padding[1])
            met = features[:, rows_in, columns_in].reshape(-1, channels)  # No row, if it lies in the padding alone.
            torch.mm(gradient[:, rows_out, columns_out].reshape(-1, outputs).T, met, out=of_weight[:, row, column])
    of_weight = of_weight.permute(0, 3, 1, 2)
    # DistributedDataParallel warns of other strides than the parameter's.
    return of_weight if of_weight.stride() == weight.stride() else torch.empty_like(weight).copy_(of_weight)


def _meeting(place: int, size: int, output_size: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Give the features that a place of the kernel meets in one dimension, and the outputs that they go to."""
    offset = place - padding
    first = max(0, -(offset // stride))  # The first output whose feature is not in the padding.
    count = max(0, min(output_size, (size - 1 - offset) // stride + 1) - first)
    start = first * stride + offset
    return slice(start, start + count * stride, stride) if count else slice(0), slice(first, first + count)
