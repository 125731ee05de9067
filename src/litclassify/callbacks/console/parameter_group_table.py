"""What each group of an optimizer trains, and how."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich import get_console
from rich.table import Table

from litclassify.callbacks.parameter_names import short_name


class ParameterGroupTable(Callback):
    """Print the groups of parameters before training, where there is more than one."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print them after callbacks of the config have frozen what they freeze."""
        names = {id(parameter): short_name(name) for name, parameter in pl_module.named_parameters()}
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        if len(groups) > 1 and trainer.is_global_zero:
            get_console().print(table_of(groups, names))


def table_of(groups: list[dict[str, Any]], names: Mapping[int, str]) -> Table:
    """Lay out groups of an optimizer.

    Args:
        groups: As an optimizer has them.
        names: Name of each parameter, by its id.
    """
    table = Table("Group", "Layers", box=None, pad_edge=False, header_style="bold")
    for column in ("Parameters", "Learning rate", "Weight decay"):
        table.add_column(column, justify="right")
    table.add_column("")
    for number, group in enumerate(groups):
        parameters = group["params"]
        table.add_row(
            group.get("name", str(number)),
            _layers([names[id(parameter)] for parameter in parameters]),
            f"{sum(parameter.numel() for parameter in parameters):,}",
            f"{highest_rate(group):.3g}",
            f"{group.get('weight_decay', 0):.3g}",
            "" if any(parameter.requires_grad for parameter in parameters) else "frozen",
        )
    return table


def highest_rate(group: Mapping[str, Any]) -> float:
    """Give the learning rate that a group's schedule starts from or, where it states that, rises to."""
    return float(group.get("max_lr", group.get("initial_lr", group["lr"])))


def _layers(names: list[str]) -> str:
    """Give the module that holds all of these parameters; where that is the network, the first layer, and dots."""
    levels = zip(*(name.split(".")[:-1] for name in names), strict=False)
    common = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels)]
    first = names[0].rpartition(".")[0] or names[0]
    return ".".join(common) or (f"{first}, …" if len(names) > 1 else first)
