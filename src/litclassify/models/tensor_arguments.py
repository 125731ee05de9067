"""Tensor arguments from YAML: `criterion.init_args.weight: [1.0, 3.5]`."""

from typing import Any

import torch
from jsonargparse.typing import register_type
from torch import Tensor


def _to_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float32)


def register_tensor_type() -> None:
    """Let every `Tensor` argument of a configured class take a list of numbers, as float32.

    Without it `class_weights` of torch's losses cannot be written in YAML.
    """
    register_type(torch.Tensor, serializer=Tensor.tolist, deserializer=_to_tensor, fail_already_registered=False)
