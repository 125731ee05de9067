"""The one place where files of others are loaded: tensors and plain values, nothing that could run code."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from litclassify.errors import UserError
from litclassify.files.seals import check_seal


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
        check_seal(path, mistake)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Over a file of another kind, torch fails in any way there is.
        raise UserError(" ".join(filter(None, (f"{mistake}: {_reason(error)}", remedy)))) from error


def load_safetensors(path: Path, given: str) -> dict[str, Tensor]:
    """Load a file of the package safetensors, which holds tensors alone; timm brings that package.

    Args:
        path: The file.
        given: How the message starts if it cannot be loaded, up to the file.

    Raises:
        UserError: The file is damaged, or is of another kind, or the package is not installed.
    """
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - few need it, and not all have it
        from safetensors.torch import load_file  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UserError(f"{given} needs safetensors: pip install safetensors") from error
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{given} can't be read: {error}.") from error
    return tensors


def _reason(error: Exception) -> str:
    """Give torch's reason in a few words, without its advice to unpickle what is not trusted."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than tensors and plain values."
    if str(error).startswith("mmap can only be used"):
        return "it is not a zip file, which is what torch.save writes."
    if "PytorchStreamReader" in str(error) or not isinstance(error, (RuntimeError, EOFError, OSError)):
        return "it is damaged."
    return str(error).strip().partition("\n")[0][:200]
