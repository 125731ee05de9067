"""The logits of a validation, for what is done with them afterwards."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.callbacks.evaluation_collector import EvaluationCollector
from litclassify.callbacks.loader_images import single_loader
from litclassify.evaluation import Evaluation
from litclassify.models import EvaluationOutput, ImageClassifier


class ValidationEvaluation(Callback):
    """Keeps what a classifier says of the validation images: `evaluation`, once they have been seen."""

    evaluation: Evaluation

    def __init__(self) -> None:
        self._outputs = EvaluationCollector()

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
        self.evaluation = self._outputs.gather(trainer, pl_module, single_loader(trainer.val_dataloaders))
