"""The mean of the runs of a series, for TensorBoard."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from litclassify.cli.results.metric_files import read_rows
from litclassify.cli.series.estimate import Estimate, estimate
from litclassify.files.log_files import METRICS_CSV

MEAN = "mean"
SHOWN = ("train_", "val_", "test_")
Rows = Sequence[Mapping[str, float]]


def write_mean_curves(folder: Path, run_dirs: Sequence[Path], table: str) -> None:
    """Write what TensorBoard shows as a further run, `mean`, beside the runs of a series.

    Args:
        folder: Directory of the series.
        run_dirs: Its finished runs.
        table: Their summary, in Markdown.
    """
    shutil.rmtree(folder / MEAN, ignore_errors=True)  # From an earlier end of the series.
    curves = mean_curves([read_rows(run_dir / METRICS_CSV) for run_dir in run_dirs])
    with SummaryWriter(str(folder / MEAN)) as writer:
        writer.add_text("summary", table)
        writer.add_custom_scalars({"Mean of the runs, with its 95% interval": {name: _margin(name) for name in curves}})
        for name, curve in curves.items():
            for step, each in curve.items():
                writer.add_scalar(name, each.mean, step)
                for bound in ("low", "high"):
                    if (value := getattr(each, bound)) is not None:
                        writer.add_scalar(f"interval/{name}_{bound}", value, step)


def mean_curves(runs: Sequence[Rows]) -> dict[str, dict[int, Estimate]]:
    """Estimate each metric at each step that all runs have reached, by name and step."""
    values: dict[str, dict[int, list[float]]] = {}
    for row in (row for rows in runs for row in rows if "step" in row):
        for name, value in row.items():
            if name.startswith(SHOWN) and not name.endswith("_step"):
                values.setdefault(name, {}).setdefault(int(row["step"]), []).append(value)
    curves = {
        name: {step: estimate(each, name) for step, each in sorted(by_step.items()) if len(each) == len(runs)}
        for name, by_step in values.items()
    }
    return {name: curve for name, curve in curves.items() if curve}


def _margin(name: str) -> list[object]:
    return ["Margin", [name, f"interval/{name}_low", f"interval/{name}_high"]]
