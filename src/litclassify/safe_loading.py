"""The one place where files of others are loaded: tensors and plain values, nothing that could run code."""

import pickle
from pathlib import Path
from typing import Any

import torch

from litclassify.errors import UserError


def load_safely(path: Path, mistake: str, remedy: str = "", mmap: bool = False) -> Any:
    """Load a file of `torch.save` on the CPU without unpickling anything but tensors and plain values.

    Args:
        path: The file.
        mistake: How the message starts if it cannot be loaded; the reason follows.
        remedy: How the message ends.
        mmap: Read tensors from the disk as they are used. Only files in torch's zip format allow it.

    Raises:
        UserError: The file is damaged, is of another kind, or holds objects that could run code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        raise UserError(" ".join(filter(None, (f"{mistake}: {_reason(error)}", remedy)))) from error


def _reason(error: Exception) -> str:
    """Give torch's reason in a few words, without its advice to unpickle what is not trusted."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than tensors and plain values."
    if "PytorchStreamReader" in str(error):
        return "it is damaged."
    return str(error).strip().partition("\n")[0][:200]
