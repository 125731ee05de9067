"""What a validation found, as figures in TensorBoard."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only

from litclassify.callbacks.evaluation_collector import EvaluationCollector, check_single_label
from litclassify.callbacks.loader_images import image_paths, single_loader
from litclassify.callbacks.tensorboard import has_tensorboard, tensorboard_writers
from litclassify.errors import UserError
from litclassify.evaluation import Evaluation, class_table, summary
from litclassify.models import EvaluationOutput, ImageClassifier


class ValidationReport(Callback):
    """Shows in TensorBoard, under `val/…`, what `TestReport` shows of a test: figures, galleries, curves and tables.

    Args:
        every_n_epochs: After which epochs. Null: once, of the last validation of the run.
        gallery: Images in each gallery, at most; 0 for no galleries.
    """

    def __init__(self, every_n_epochs: int | None = None, gallery: int = 24) -> None:
        if every_n_epochs is not None and every_n_epochs < 1:
            raise UserError(f"ValidationReport.every_n_epochs must be at least 1, or null, got {every_n_epochs}.")
        if gallery < 0:
            raise UserError(f"ValidationReport.gallery must be at least 0, got {gallery}.")
        self.every_n_epochs = every_n_epochs
        self.gallery = gallery
        self._outputs = EvaluationCollector()
        self._collects = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse what it cannot report on, and forget the validation before."""
        check_single_label(self, pl_module)
        self._collects = self._is_due(trainer) and has_tensorboard(trainer)
        self._outputs.clear()

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

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw this validation, unless the last is wanted: which that is, is known when training ends."""
        self._step = trainer.global_step
        if self.every_n_epochs is not None:
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the last validation."""
        self._draw(trainer, pl_module)

    def _is_due(self, trainer: Trainer) -> bool:
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return False
        return self.every_n_epochs is None or (trainer.current_epoch + 1) % self.every_n_epochs == 0

    def _draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what has been collected, if anything has; all processes give their part."""
        if self._outputs:
            assert isinstance(pl_module, ImageClassifier)
            self._show(trainer, self._outputs.gather(trainer, pl_module, single_loader(trainer.val_dataloaders)))

    @rank_zero_only
    def _show(self, trainer: Trainer, evaluation: Evaluation) -> None:
        # matplotlib takes longer to import than a small validation takes to run.
        from litclassify.callbacks import report_output  # noqa: PLC0415
        from litclassify.evaluation.report import evaluation_tables  # noqa: PLC0415

        table, loader = class_table(evaluation), single_loader(trainer.val_dataloaders)
        paths = image_paths(loader, len(evaluation), "val")
        pictures = report_output.draw(evaluation, table, loader, paths, self.gallery)
        tables = evaluation_tables(evaluation, table, summary(evaluation, table), {})
        for writer in tensorboard_writers(trainer):
            report_output.show(writer, pictures, tables, "val", self._step)
            report_output.show_pr_curves(writer, evaluation, table, "val", self._step)
