"""Further metrics of every validation, to watch and to go by."""

from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer

from litclassify.callbacks.evaluation.evaluation_callback import EvaluationCallback
from litclassify.callbacks.evaluation.evaluation_collector import (
    EvaluationCollector,
    PredictionCounter,
    check_classifier,
)
from litclassify.errors import UserError
from litclassify.evaluation import (
    LABEL_METRICS,
    METRICS,
    AnyEvaluation,
    ClassCounts,
    some_metrics,
)
from litclassify.models import ImageClassifier
from litclassify.suggestions import nearest

# The classifier itself logs val_acc.
NAMES = tuple(name for name in METRICS.names if name != "acc")
LABEL_NAMES = tuple(name for name in LABEL_METRICS.names if name != "acc")
ALL_NAMES = tuple(dict.fromkeys((*NAMES, *LABEL_NAMES)))
# Those of probabilities take several times as long.
DEFAULT_NAMES = ("f1",)


class ValidationMetrics(EvaluationCallback[AnyEvaluation | ClassCounts]):
    """Logs metrics of each validation beside loss and accuracy: `val_f1` and so on.

    They can be monitored (`checkpoint.monitor: val_f1`).

    Args:
        names: Of `precision`, `recall`, `f1`, `kappa`, `mcc`, `nll`, `ece`, `brier`, `auroc` and `average_precision`.
            From `nll` on, the logits of all validation images are held for it: 4 bytes for each image and class. The
            last two sort the images once for each class, and take longest. Of several labels, `precision`,
            `precision_micro`, `recall`, `recall_micro` and `auroc`; the others are logged anyway.
    """

    def __init__(self, names: Sequence[str] = DEFAULT_NAMES) -> None:
        super().__init__(EvaluationCollector())
        for name in names:
            _check(name, ALL_NAMES, "a metric")
        self.names = list(names)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what it cannot measure, before training, if there is any."""
        check_classifier(self, pl_module)
        assert isinstance(pl_module, ImageClassifier)
        for name in self.names:
            if pl_module.multi_label:
                _check(name, LABEL_NAMES, "a metric of images with several labels")
            else:
                _check(name, NAMES, "a metric of images with one class each")
        own = set(pl_module.val_metrics.keys())  # Which the classifier logs itself.
        self._further = [name for name in self.names if f"val_{name}" not in own]
        needs_logits = pl_module.multi_label or not METRICS.from_counts.keys() >= set(self._further)
        self._outputs = EvaluationCollector() if needs_logits else PredictionCounter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._begin(collects=bool(self._further))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics."""
        if not self._further:
            return
        found = self._gather(trainer, pl_module, trainer.val_dataloaders)
        if isinstance(found, ClassCounts):
            metrics = {name: float(METRICS.from_counts[name](found)) for name in self._further}
        else:
            metrics = some_metrics(found, self._further)
        logged = {f"val_{name}": value for name, value in metrics.items()}
        pl_module.log_dict(logged, sync_dist=True)  # They are the same in all processes, which Lightning cannot know.


def _check(name: str, names: Sequence[str], what: str) -> None:
    if name not in names:
        raise UserError(
            f"ValidationMetrics.names: '{name}' is not {what}.{nearest(name, names)} There are {', '.join(names)}."
        )
