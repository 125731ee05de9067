"""What callbacks that need the answers of an evaluation have in common."""

from typing import Any, Generic

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.callbacks.evaluation.evaluation_collector import BatchCollector, Collected_co
from litclassify.callbacks.evaluation.loader_images import single_loader
from litclassify.models import EvaluationOutput, ImageClassifier


class EvaluationCallback(Callback, Generic[Collected_co]):
    """A callback that collects what each batch of an evaluation gives, from `_begin` to `_gather`.

    Args:
        outputs: What to collect of it.
    """

    def __init__(self, outputs: BatchCollector[Collected_co]) -> None:
        self._outputs = outputs
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

    def _gather(self, trainer: Trainer, pl_module: LightningModule, loaders: Any) -> Collected_co:
        """Put the batches of all processes together; all have to ask.

        Args:
            trainer: The trainer.
            pl_module: What was evaluated.
            loaders: What gave the images, in a list or not.
        """
        assert isinstance(pl_module, ImageClassifier)
        self._collects = False
        return self._outputs.gather(trainer, pl_module, single_loader(loaders))
