"""The test metrics as a file."""

import json
import math
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only


class MetricsFile(Callback):
    """Write every test metric to a JSON file.

    Args:
        path: The file; an earlier one is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @rank_zero_only
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write `{"test_acc": 0.98, …}`, without what is undefined."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test_")}
        metrics = {name: value for name, value in logged.items() if math.isfinite(value)}  # JSON has no others.
        self.path.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
