"""What callbacks that need the logits of an evaluation have in common."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.callbacks.evaluation.evaluation_collector import EvaluationCollector
from litclassify.callbacks.evaluation.loader_images import single_loader
from litclassify.evaluation import AnyEvaluation
from litclassify.models import EvaluationOutput, ImageClassifier


class EvaluationCallback(Callback):
    """A callback that collects what each batch of an evaluation gives, from `_begin` to `_gather`."""

    def __init__(self) -> None:
        self._outputs = EvaluationCollector()
        self._collects = False

    def _begin(self, *, collects: bool = True) -> None:
        """Forget the evaluation before, and say whether to collect this one."""
        self._outputs.clear()
        self._collects = collects

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
        if self._collects:
            self._outputs.add(outputs)

    on_test_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def _gather(self, trainer: Trainer, pl_module: LightningModule, loaders: Any) -> AnyEvaluation:
        """Put the batches of all processes together; all have to ask.

        Args:
            trainer: The trainer.
            pl_module: What was evaluated.
            loaders: What gave the images, in a list or not.
        """
        assert isinstance(pl_module, ImageClassifier)
        self._collects = False
        return self._outputs.gather(trainer, pl_module, single_loader(loaders))
