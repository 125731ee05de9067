"""The logits of a validation, for what is done with them afterwards."""

from lightning.pytorch import LightningModule, Trainer

from litclassify.callbacks.evaluation_callback import EvaluationCallback
from litclassify.evaluation import Evaluation


class ValidationEvaluation(EvaluationCallback):
    """Keeps what a classifier says of the validation images: `evaluation`, once they have been seen."""

    evaluation: Evaluation

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._begin()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the batches together."""
        evaluation = self._gather(trainer, pl_module, trainer.val_dataloaders)
        assert isinstance(evaluation, Evaluation)
        self.evaluation = evaluation
