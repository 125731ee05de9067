"""Learning rates and weight decay by the place of a parameter in the network."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer

from litclassify.errors import UserError
from litclassify.networks import head_of, no_weight_decay_of, stages_of

KEY = "model.parameter_groups"
Group = dict[str, Any]
"""A group of an optimizer: `params`, `name`, `lr_scale` and, where it is not the optimizer's own, `weight_decay`."""


class ParameterGroups:
    """Lower learning rates towards the input, a rate for the head, and weight decay for weights alone.

    Rates are relative to the optimizer's, and schedules keep them so.

    Sources: https://arxiv.org/abs/1801.06146, section 3.2 (rates by layer), https://arxiv.org/abs/2106.08254,
    appendix H (their decay in vision transformers).

    Args:
        layer_decay: Learning rate of a stage over that of the stage after it, in (0, 1]. A stage is a layer or a block;
            the last one, with the head, has the optimizer's rate. 1 makes no difference; 0.65 to 0.9 are usual for
            vision transformers.
        head_lr_scale: Learning rate of the head over what it would be otherwise, more than 0: 10 for a fresh head on
            pretrained weights.
        weight_decay_exclude_1d: Whether biases, weights of normalisations, all other parameters of one dimension and
            embeddings of positions have no weight decay.
    """

    def __init__(
        self, layer_decay: float = 1.0, head_lr_scale: float = 1.0, weight_decay_exclude_1d: bool = True
    ) -> None:
        if not 0 < layer_decay <= 1:
            raise UserError(f"{KEY}.layer_decay must be more than 0 and at most 1, got {layer_decay}.")
        if not head_lr_scale > 0:
            raise UserError(f"{KEY}.head_lr_scale must be more than 0, got {head_lr_scale}.")
        if layer_decay == head_lr_scale == 1 and not weight_decay_exclude_1d:
            raise UserError(f"{KEY}: with these values all parameters are alike. Set it to null.")
        self.layer_decay = layer_decay
        self.head_lr_scale = head_lr_scale
        self.weight_decay_exclude_1d = weight_decay_exclude_1d

    def __call__(self, network: nn.Module, num_classes: int, others: Mapping[str, Parameter]) -> list[Group]:
        """Share out all parameters of a classifier.

        Args:
            network: The network.
            num_classes: Number of its outputs.
            others: Parameters outside of the network, such as those of a loss.

        Returns:
            Groups with a name each, from the input to the head; none is empty.

        Raises:
            UserError: The network does not say what its stages are, or its head, where these make a difference.
        """
        parameters = dict(network.named_parameters())
        excluded = no_weight_decay_of(network)
        groups = []
        for name, lr_scale, names in self._stages(network, num_classes):
            members = {key: parameters[key] for key in names}
            groups += self._split(name, lr_scale, members, excluded)
        return groups + self._split("criterion", 1.0, others, set())

    def _stages(self, network: nn.Module, num_classes: int) -> Iterator[tuple[str, float, list[str]]]:
        """Give name, scale and parameters of each stage, and the head apart from the others."""
        everything = [name for name, _ in network.named_parameters()]
        if self.layer_decay == self.head_lr_scale == 1:
            yield "network", 1.0, everything
            return
        decays = self.layer_decay != 1
        key = f"{KEY}.{'layer_decay' if decays else 'head_lr_scale'}"
        stages = stages_of(network, key) if decays else [everything]
        head = head_of(network, num_classes, key)
        for number, names in enumerate(stages):
            lr_scale = self.layer_decay ** (len(stages) - 1 - number)
            yield f"stage_{number:02}" if decays else "backbone", lr_scale, [key for key in names if key not in head]
        yield "head", self.head_lr_scale, [key for key in everything if key in head]

    def _split(self, name: str, lr_scale: float, members: Mapping[str, Parameter], excluded: set[str]) -> list[Group]:
        """Give the group of those with weight decay, and that of those without."""
        decayed: list[Parameter] = []
        plain: list[Parameter] = []
        for key, parameter in members.items():
            without = self.weight_decay_exclude_1d and (parameter.dim() <= 1 or key in excluded)
            (plain if without else decayed).append(parameter)
        groups = [
            {"params": decayed, "name": name, "lr_scale": lr_scale},
            {"params": plain, "name": f"{name}_no_decay", "lr_scale": lr_scale, "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]


def scale_learning_rates(optimizer: Optimizer) -> Optimizer:
    """Multiply the learning rate of each group by its `lr_scale`, where it has one; to be done once."""
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * group.get("lr_scale", 1.0)  # Not in place: groups share a rate that is a tensor.
    return optimizer
