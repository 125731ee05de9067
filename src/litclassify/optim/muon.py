"""Muon: orthogonalised updates for the hidden matrices of a network, another optimizer for the rest."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, Literal

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.optim import Optimizer

from litclassify.bfloat16 import computes_bfloat16
from litclassify.errors import UserError
from litclassify.optim.cuda_graph import RecordedFunction
from litclassify.optim.fused import build_optimizer

Group = dict[str, Any]

# From https://kellerjordan.github.io/posts/muon/: the steepest at 0 that send singular values to about [0.7, 1.2].
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SCALES: dict[str, Callable[[int, int], float]] = {
    "original": lambda rows, columns: max(1, rows / columns) ** 0.5,
    "match_rms_adamw": lambda rows, columns: 0.2 * max(rows, columns) ** 0.5,
}
# Entries of matrices: more keep a GPU busy while the program starts what comes next, and records of them hold memory.
RECORDED_UP_TO = 2**24
# What a record of fewer entries counts for, as it holds memory of its own for cuBLAS to work in: 32 MiB on an H100, 8
# on other GPUs (torch's aten/src/ATen/cuda/CublasHandlePool.cpp). So there are 16 records at most.
RECORD_COUNTS_FOR = 2**20


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Give about U V^T for a matrix U S V^T, or for each of several, by the quintic iteration of Newton and Schulz.

    Source: https://kellerjordan.github.io/posts/muon/

    Args:
        matrices: (rows, columns) or (N, rows, columns).
        steps: Iterations.

    Returns:
        As many matrices of the same shape, with singular values of about 1.
    """
    a, b, c = COEFFICIENTS
    multiply_and_add = torch.baddbmm if matrices.dim() == 3 else torch.addmm  # noqa: PLR2004
    are_tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if are_tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = multiply_and_add(x, multiply_and_add(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if are_tall else x


def _orthogonalize_kernels(updates: list[Tensor], steps: int) -> list[Tensor]:
    """Orthogonalize updates (out, …) as matrices (out, …): the same shapes, in the dtype of `_compute_dtype`."""
    dtype = _compute_dtype(updates[0].device)
    matrices = [update.flatten(1).to(dtype) for update in updates]
    if matrices[0].device.type == "cpu":
        orthogonal = [orthogonalize(matrix, steps) for matrix in matrices]
    else:
        orthogonal = _orthogonalize_alike(matrices, steps)
    return [matrix.view_as(update) for matrix, update in zip(orthogonal, updates, strict=True)]


def _orthogonalize_alike(matrices: list[Tensor], steps: int) -> list[Tensor]:
    """Orthogonalize all matrices of one shape at once: so many small computations take a GPU long to start."""
    places: dict[torch.Size, list[int]] = defaultdict(list)
    for place, matrix in enumerate(matrices):
        places[matrix.shape].append(place)
    result = list(matrices)
    for alike in places.values():
        stacked = orthogonalize(torch.stack([matrices[place] for place in alike]), steps)
        for place, matrix in zip(alike, stacked, strict=True):
            result[place] = matrix
    return result


def _compute_dtype(device: torch.device) -> torch.dtype:
    """Choose bfloat16 where the device computes it itself: half the time on a CPU for 512x4608, without it slower."""
    return torch.bfloat16 if computes_bfloat16(device.type) else torch.float32


class Muon(Optimizer):
    """Muon for the hidden matrices of a network, and another optimizer for the rest.

    Hidden matrices are the weights of linear layers and convolutions, kernels as matrices of out x (in * height *
    width). The last of them in the order of the network is taken for the head. It belongs to the rest, with biases,
    norms, convolutions of one channel (depthwise, or of gray images), class tokens and position embeddings. A table
    of relative positions (Swin) counts as a matrix.

    Sources: https://kellerjordan.github.io/posts/muon/ and https://arxiv.org/abs/2502.16982 (scale, weight decay).

    Args:
        params: Parameters in the order of the network, or groups of them. What a group sets (`weight_decay`) holds
            for its matrices and for its rest.
        rest: Optimizer of the rest, with a learning rate of its own; schedules scale both alike.
        lr: Learning rate of the matrices, at least 0.
        momentum: Share of the earlier updates, in [0, 1).
        nesterov: Whether to look one update ahead.
        weight_decay: Share of the matrices that a step takes off, times `lr`; at least 0.
        adjust_lr_fn: Size of an update. `match_rms_adamw`: 0.2 per entry, about that of AdamW, so that AdamW's `lr`
            and `weight_decay` are a good start. `original`: singular values of 1, times the root of out / in
            where that is above 1; wants an `lr` of about 0.02.
        ns_steps: Iterations that make an update orthogonal, at least 1.

    Raises:
        UserError: A value outside of its range, or no hidden matrix.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        rest: OptimizerCallable,
        lr: float = 0.001,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
        adjust_lr_fn: Literal["match_rms_adamw", "original"] = "match_rms_adamw",
        ns_steps: int = 5,
    ) -> None:
        _check("lr", lr, lr >= 0, "at least 0")
        _check("momentum", momentum, 0 <= momentum < 1, "at least 0 and less than 1")
        _check("weight_decay", weight_decay, weight_decay >= 0, "at least 0")
        _check("ns_steps", ns_steps, ns_steps >= 1, "at least 1")
        hidden, others = split_groups(params)
        if not hidden:
            raise UserError(
                "model.optimizer: Muon found no hidden matrix, that is, none before the head. Take another "
                "optimizer, or a network with more layers."
            )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "adjust_lr_fn": adjust_lr_fn,
            "ns_steps": ns_steps,
        }
        super().__init__(hidden, defaults)
        self._recorded: dict[Hashable, RecordedFunction] = {}
        self._entries_to_record = RECORDED_UP_TO
        self.rest = build_optimizer(rest, others)
        self._join(self.param_groups + self.rest.param_groups)

    def _join(self, groups: list[Group]) -> None:
        """Share groups and state with the optimizer of the rest: schedules and checkpoints then see one optimizer."""
        self.param_groups = groups
        self.rest.param_groups = groups[-len(self.rest.param_groups) :]
        self.rest.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups[: -len(self.rest.param_groups)]:
            trained = [(parameter, parameter.grad) for parameter in group["params"] if parameter.grad is not None]
            if trained:
                parameters, gradients = map(list, zip(*trained, strict=True))
                self._update(parameters, gradients, group)
        self.rest.step()
        return loss

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: Group) -> None:
        means = [self._mean(parameter) for parameter in parameters]
        torch._foreach_lerp_(means, gradients, 1 - group["momentum"])
        updates = list(torch._foreach_lerp(gradients, means, group["momentum"])) if group["nesterov"] else means
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        for parameter, update in zip(parameters, self._orthogonal(updates, group["ns_steps"]), strict=True):
            scale = SCALES[group["adjust_lr_fn"]](len(update), update.numel() // len(update))
            parameter.add_(update, alpha=-group["lr"] * scale)

    def _orthogonal(self, updates: list[Tensor], steps: int) -> list[Tensor]:
        """Orthogonalize, on a GPU with all computations recorded.

        There is a record for each group, and for each choice of matrices that are trained: those of networks that
        freeze or leave out layers change. What is too much to hold in all is not recorded.
        """
        function = partial(_orthogonalize_kernels, steps=steps)
        if updates[0].device.type != "cuda":
            return function(updates)
        kind = (steps, *((update.device, update.shape, update.stride(), update.dtype) for update in updates))
        if kind not in self._recorded:
            entries = max(RECORD_COUNTS_FOR, sum(update.numel() for update in updates))
            if entries > self._entries_to_record:
                return function(updates)
            self._recorded[kind] = RecordedFunction(function, updates)
            self._entries_to_record -= entries
        return self._recorded[kind](updates)

    def _mean(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        mean: Tensor = state["momentum_buffer"]
        return mean

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of both optimizers."""
        super().load_state_dict(state_dict)
        self._join(self.param_groups)


def split_groups(params: Iterable[Tensor] | Iterable[Group]) -> tuple[list[Group], list[Group]]:
    """Give groups of the hidden matrices, and groups of the rest; what a group sets besides goes into both.

    Of a group that is in both, the rest has `_rest` after its name: the curves of learning rates go by names.
    """
    items = list(params)
    groups: list[Group] = [dict(item) for item in items if isinstance(item, dict)] or [{"params": items}]
    for group in groups:
        group["params"] = list(group["params"])
    matrices = [parameter for group in groups for parameter in group["params"] if _is_matrix(parameter)]
    hidden = set(matrices[:-1])
    first = _filtered(groups, lambda parameter: parameter in hidden)
    rest = _filtered(groups, lambda parameter: parameter not in hidden)
    taken = {group["name"] for group in first if "name" in group}
    return first, [
        {**group, "name": f"{group['name']}_rest"} if group.get("name") in taken else group for group in rest
    ]


def _filtered(groups: list[Group], keep: Callable[[Tensor], bool]) -> list[Group]:
    kept = [{**group, "params": [parameter for parameter in group["params"] if keep(parameter)]} for group in groups]
    return [group for group in kept if group["params"]]


def _is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter takes several inputs to several outputs."""
    return parameter.dim() >= 2 and min(parameter.shape[:2]) > 1  # noqa: PLR2004


def _check(name: str, value: float, allowed: bool, words: str) -> None:
    if not allowed:
        raise UserError(f"model.optimizer.{name} must be {words}, got {value}.")
