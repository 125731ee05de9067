"""Starting from the weights of another checkpoint, as far as they fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.files.state_dicts import PARALLEL_PREFIX, read_state_dict

# Where an ImageClassifier keeps its network.
NETWORK_PREFIX = "network."
MAX_NAMES = 6


@dataclass(frozen=True)
class Transfer:
    """What a network took over from a state dict."""

    left: list[str]
    """Tensors of the file that have no place here, or another shape."""
    fresh: list[str]
    """Tensors of the network that stay as they were initialised, such as those of a head for other classes."""
    parameters: int
    """How many of the network's parameters were taken. Buffers do not count: counters of batches fit everywhere."""
    all_parameters: int
    """How many the network has."""
    misfit: str | None
    """The first tensor that the file has in another shape, if there is one."""

    def __str__(self) -> str:
        parts = [f"{self.parameters} of {self.all_parameters} parameters taken"]
        parts += [f"left in the file: {_some(self.left)}"] if self.left else []
        parts += [f"started fresh: {_some(self.fresh)}"] if self.fresh else []
        return "; ".join(parts) + (f" ({self.misfit})" if self.misfit else "")


def start_from(network: nn.Module, path: str) -> None:
    """Copy what a network can take from a checkpoint, and say what that was; warn if it was little.

    Raises:
        UserError: There is no such file, it is not a checkpoint, or no parameter of it fits.
    """
    report = transfer(network, read_network_state(path))
    tell = rank_zero_info if report.parameters >= report.all_parameters / 2 else rank_zero_warn
    tell(f"Started from {path}: {report}.")


def read_network_state(path: str) -> dict[str, Tensor]:
    """Read a network's weights from a checkpoint of an `ImageClassifier`, or as `read_state_dict` does.

    Raises:
        UserError: There is no such file, or it holds no weights that load without unpickling.
    """
    if not Path(path).expanduser().is_file():
        raise UserError(f"model.init_from is {path!r}, which is not a file. Give a checkpoint file.")
    return read_state_dict(path, "model.init_from", (NETWORK_PREFIX, PARALLEL_PREFIX))


def transfer(network: nn.Module, state: Mapping[str, Tensor]) -> Transfer:
    """Copy the tensors of `state` that the network has under the same name and shape.

    Raises:
        UserError: No parameter fits.
    """
    own = network.state_dict()
    parameters = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    misfit = next(
        (_shapes(name, state[name], own[name]) for name in state if name in own and name not in fitting), None
    )
    if parameters.isdisjoint(fitting):
        raise UserError(
            f"model.init_from: none of its {len(state)} tensors fits a parameter of the network. "
            + (f"{misfit}." if misfit else f"It has {_some(list(state))}; the network has {_some(list(own))}.")
        )
    network.load_state_dict(fitting, strict=False)
    return Transfer(
        left=[name for name in state if name not in fitting],
        fresh=[name for name in own if name not in fitting],
        parameters=len(parameters.intersection(fitting)),
        all_parameters=len(parameters),
        misfit=misfit,
    )


def _shapes(name: str, theirs: Tensor, ours: Tensor) -> str:
    return f"{name} is {tuple(theirs.shape)} in the file, {tuple(ours.shape)} here"


def _some(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
