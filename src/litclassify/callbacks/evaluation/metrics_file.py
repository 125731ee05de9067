"""The test metrics as a file."""

import json
import math
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only

from litclassify.files.durable_files import replacing


class MetricsFile(Callback):
    """Write every test metric to a JSON file.

    Args:
        path: The file; an earlier one is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @rank_zero_only
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write `{"test_acc": 0.98, …}`, with null for what is not a finite number, and say so: JSON has no others."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test_")}
        metrics = {name: value if math.isfinite(value) else None for name, value in logged.items()}
        with replacing(self.path) as file:
            file.write((json.dumps(metrics, indent=2, allow_nan=False) + "\n").encode())
        nulls = [f"{name} ({logged[name]})" for name, value in metrics.items() if value is None]
        if nulls:
            rank_zero_info(f"{self.path.name} holds null for what JSON has no number for: {', '.join(nulls)}.")
