"""The size of a network, before it is trained."""

from typing import Any

from lightning.pytorch.callbacks import ModelSummary
from lightning.pytorch.utilities.model_summary.model_summary import get_formatted_model_size, get_human_readable_count
from rich import get_console
from rich.table import Table


class NetworkSummary(ModelSummary):
    """List the layers that have parameters, how many these are, and how many of them are trained.

    Args:
        max_depth: Levels to list: 1 is the network, 2 its layers too. 0 prints nothing.
    """

    def __init__(self, max_depth: int = 2) -> None:
        super().__init__(max_depth)

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        total_training_modes: dict[str, int],  # noqa: ARG004 - the signature is Lightning's
        total_flops: int,
        **summarize_kwargs: Any,  # noqa: ARG004
    ) -> None:
        """Print the table and the sums; FLOPs where the module has an `example_input_array` to count them on."""
        columns = dict(summary_data)
        table = Table("Layer", "Type", box=None, pad_edge=False, header_style="bold")
        table.add_column("Parameters", justify="right")
        for name, kind, parameters in zip(columns["Name"], columns["Type"], columns["Params"], strict=True):
            if parameters.strip() != "0":
                table.add_row(name, kind, parameters)
        sums = [
            f"{get_human_readable_count(total_parameters).strip()} parameters",
            f"{get_human_readable_count(trainable_parameters).strip()} trainable",
            f"{get_formatted_model_size(model_size)} MB",
        ]
        if total_flops:
            sums.append(f"{get_human_readable_count(total_flops).strip()} FLOPs")
        console = get_console()
        console.print(table)
        console.print(", ".join(sums), highlight=False)
