"""TensorBoard's hyperparameter tab, with the metrics that a run ended with."""

from collections.abc import Mapping

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.tensorboard.summary import hparams

from litclassify.callbacks.tensorboard.writers import tensorboard_writers

Scalar = bool | int | float | str


class HyperparameterLogger(Callback):
    """Register hyperparameters when training starts and the best monitored value when it ends.

    Written at the start, so that a run that dies is listed too. TensorBoard fills the metric columns from the scalars
    of the same names as they come in.

    Args:
        hyperparameters: What the tab lists, by name.
        metrics: Names of the scalars that the tab shows beside them.
    """

    def __init__(self, hyperparameters: Mapping[str, Scalar], metrics: tuple[str, ...]) -> None:
        self.hyperparameters = dict(hyperparameters)
        self.metrics = metrics

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Name the run's hyperparameters and the metrics to look for."""
        columns = dict.fromkeys((*self.metrics, *self._best(trainer)), 0.0)
        for writer in tensorboard_writers(trainer):
            for summary in hparams(self.hyperparameters, columns):  # type: ignore[no-untyped-call]
                # SummaryWriter.add_hparams would open a second run.
                writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]

    @rank_zero_only
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the best value of the monitored metric."""
        best = {name: value for name, value in self._best(trainer).items() if value is not None}
        for logger in trainer.loggers:
            logger.log_metrics(best, trainer.global_step)

    @staticmethod
    def _best(trainer: Trainer) -> dict[str, float | None]:
        """Give `{"best_val_acc": …}` for each checkpoint callback that monitors; None before the first checkpoint."""
        callbacks = (c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint))
        scores = {f"best_{c.monitor}": c.best_model_score for c in callbacks if c.monitor is not None}
        return {name: None if score is None else float(score) for name, score in scores.items()}
