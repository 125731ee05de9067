"""The logits of a validation, for what is done with them afterwards."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.callbacks.evaluation_collector import EvaluationCollector, check_single_label
from litclassify.evaluation import Evaluation
from litclassify.models import EvaluationOutput, ImageClassifier


class ValidationEvaluation(Callback):
    """Keeps what a classifier says of the validation images: `evaluation`, once they have been seen."""

    evaluation: Evaluation

    def __init__(self) -> None:
        self._outputs = EvaluationCollector()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse several labels."""
        check_single_label(self, pl_module)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: EvaluationOutput,  # type: ignore[override]
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what the batch gave."""
        self._outputs.add(outputs)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the batches together."""
        assert isinstance(pl_module, ImageClassifier)
        logits, targets = self._outputs.gather(trainer)
        self.evaluation = Evaluation(logits, targets, pl_module.class_names)
