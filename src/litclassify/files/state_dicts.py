"""The weights of networks in files of others, whatever these are wrapped in."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from litclassify.errors import UserError
from litclassify.files.safe_loading import load_safely, load_safetensors

# Under which checkpoints have their state dict: those of Lightning, and those of timm and of torchvision's training.
STATE_KEYS = ("state_dict", "model")
# What DistributedDataParallel puts before the names of a network, and torch's averages of weights, too.
PARALLEL_PREFIX = "module."
REMEDY = "Save a state dict: torch.save(network.state_dict(), path)."


def read_state_dict(path: str, key: str, prefixes: Iterable[str] = ()) -> dict[str, Tensor]:
    """Read the tensors of a file of safetensors, or of a state dict, bare or under the key `state_dict` or `model`.

    Args:
        path: The file, which exists; it may begin with `~`.
        key: What the user has given it for, such as `model.init_from`.
        prefixes: What may stand before the names of the network. The first that is found is taken off, and names that
            lack it are left out: they belong to something else.

    Returns:
        Tensors by name; with torch's versions of modules where no prefix was taken off.

    Raises:
        UserError: The file can't be loaded safely, or holds no state dict.
    """
    given = f"{key} is {path!r}, but that file"
    content = _load(Path(path).expanduser(), given)
    for name in STATE_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    items = content.items() if isinstance(content, Mapping) else ()
    tensors = OrderedDict((name, value) for name, value in items if isinstance(value, Tensor))
    if not tensors:
        raise UserError(f"{given} holds no state dict. {REMEDY}")
    prefix = next((prefix for prefix in prefixes if any(name.startswith(prefix) for name in tensors)), "")
    if prefix:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if hasattr(content, "_metadata"):
        tensors._metadata = content._metadata  # type: ignore[attr-defined]
    return tensors


def _load(path: Path, given: str) -> object:
    if path.suffix == ".safetensors":
        return load_safetensors(path, given)
    return load_safely(path, f"{given} can't be read with torch.load(weights_only=True)", REMEDY)
