"""The progress of a training, in a terminal and in a log."""

import time
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.callbacks.progress.rich_progress import RichProgressBarTheme
from rich import get_console
from torch import Tensor

UPDATES_PER_S = 10


class EpochProgressBar(RichProgressBar):
    """A bar for the epoch that runs, and a line that stays for each epoch that has ended.

    Both fit 80 columns. In a file or pipe there is no bar, just the lines.
    """

    def __init__(self) -> None:
        super().__init__(refresh_rate=UPDATES_PER_S, theme=RichProgressBarTheme(metrics_format=".4f"))
        self._next_update = 0.0
        self._loss: Tensor | None = None
        self._ended_epoch: int | None = None
        self._validated: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Show no bar where it cannot move."""
        super().setup(trainer, pl_module, stage)
        console = get_console()
        if not (console.is_interactive or console.is_jupyter):
            self.disable()

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Give the loss of the latest batch; all else is worth a line of its own."""
        return {} if self._loss is None else {"loss": float(self._loss)}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the epoch before: its training metrics come after its last hook."""
        self._print_ended_epoch(trainer)
        super().on_train_epoch_start(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar, a few times a second: reading the loss waits for the device."""
        now = time.monotonic()
        if now >= self._next_update or batch_idx + 1 == self.total_train_batches:
            self._next_update = now + 1 / UPDATES_PER_S
            self._loss = _mean_loss(outputs, trainer)
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the metrics for the line of this epoch; an epoch without validation has none."""
        super().on_validation_end(trainer, pl_module)
        if not trainer.sanity_checking:
            self._validated = _shown(trainer, "val_")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that a line is due."""
        super().on_train_epoch_end(trainer, pl_module)
        self._ended_epoch = trainer.current_epoch

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the last epoch."""
        self._print_ended_epoch(trainer)

    def _print_ended_epoch(self, trainer: Trainer) -> None:
        if self._ended_epoch is not None and trainer.is_global_zero:
            metrics = {**_shown(trainer, "train_"), **self._validated}
            line = "  ".join(
                [f"epoch {self._ended_epoch}", *(f"{name} {value:.4f}" for name, value in metrics.items())]
            )
            get_console().print(line, soft_wrap=True, highlight=False)
        self._ended_epoch, self._validated = None, {}


def _mean_loss(outputs: Any, trainer: Trainer) -> Tensor | None:
    """Give the loss of a batch as `training_step` did: Lightning divides it by the number of batches accumulated."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else None
    return None if loss is None else loss * trainer.accumulate_grad_batches


def _shown(trainer: Trainer, prefix: str) -> dict[str, float]:
    """Give the metrics that a module has logged with `prog_bar=True`, by name."""
    metrics = trainer.progress_bar_metrics
    return {name: metrics[name] for name in sorted(metrics, reverse=True) if name.startswith(prefix)}
