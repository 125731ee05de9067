"""Copies from the CPU to the device that computes."""

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor to a device, without waiting for what it still computes.

    A copy to a CUDA device from memory that is not pinned ends when all is computed that was queued before it: until
    then the program can queue nothing more.

    Args:
        values: Of any shape; on the CPU, or on the device already.
        device: Where the copy lies.

    Returns:
        The copy, or `values` where they lie on the device.
    """
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
