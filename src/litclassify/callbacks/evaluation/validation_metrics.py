"""Further metrics of every validation, to watch and to go by."""

from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer

from litclassify.callbacks.evaluation.evaluation_callback import EvaluationCallback
from litclassify.callbacks.evaluation.evaluation_collector import check_single_label
from litclassify.errors import UserError
from litclassify.evaluation import METRICS, Evaluation, some_metrics
from litclassify.suggestions import nearest

# The classifier itself logs val_acc.
NAMES = tuple(name for name in METRICS if name != "acc")
# Those of probabilities take several times as long.
DEFAULT_NAMES = ("f1",)


class ValidationMetrics(EvaluationCallback):
    """Logs metrics of each validation beside loss and accuracy: `val_f1` and so on.

    They can be monitored (`checkpoint.monitor: val_f1`). The logits of all validation images are held for it: 4 bytes
    for each image and class.

    Args:
        names: Of `precision`, `recall`, `f1`, `kappa`, `mcc`, `nll`, `ece`, `brier`, `auroc` and `average_precision`.
            The last two sort the images once for each class, and take longest.
    """

    def __init__(self, names: Sequence[str] = DEFAULT_NAMES) -> None:
        super().__init__()
        for name in names:
            if name not in NAMES:
                raise UserError(
                    f"ValidationMetrics.names: '{name}' is not a metric.{nearest(name, NAMES)} There are "
                    f"{', '.join(NAMES)}."
                )
        self.names = list(names)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse what it cannot measure, and begin anew."""
        check_single_label(self, pl_module)
        self._begin()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics."""
        evaluation = self._gather(trainer, pl_module, trainer.val_dataloaders)
        assert isinstance(evaluation, Evaluation)
        metrics = some_metrics(evaluation, self.names)
        logged = {f"val_{name}": value for name, value in metrics.items()}
        pl_module.log_dict(logged, sync_dist=True)  # They are the same in all processes, which Lightning cannot know.
