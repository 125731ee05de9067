"""What a validation found, as figures in TensorBoard."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only

from litclassify.callbacks.evaluation.evaluation_callback import EvaluationCallback
from litclassify.callbacks.evaluation.evaluation_collector import EvaluationCollector, check_classifier
from litclassify.callbacks.evaluation.loader_images import image_paths, single_loader
from litclassify.callbacks.tensorboard.writers import has_tensorboard, tensorboard_writers
from litclassify.errors import UserError
from litclassify.evaluation import AnyEvaluation, class_table, summary


class ValidationReport(EvaluationCallback[AnyEvaluation]):
    """Shows in TensorBoard, under `val/…`, what `TestReport` shows of a test: figures, galleries, curves and tables.

    Args:
        every_n_epochs: After which epochs. Null: once, of the last validation of the run.
        gallery: Images in each gallery, at most; 0 for no galleries.
    """

    def __init__(self, every_n_epochs: int | None = None, gallery: int = 24) -> None:
        super().__init__(EvaluationCollector())
        if every_n_epochs is not None and every_n_epochs < 1:
            raise UserError(f"ValidationReport.every_n_epochs must be at least 1, or null, got {every_n_epochs}.")
        if gallery < 0:
            raise UserError(f"ValidationReport.gallery must be at least 0, got {gallery}.")
        self.every_n_epochs = every_n_epochs
        self.gallery = gallery

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what it cannot report on, before training, if there is any."""
        check_classifier(self, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the validation before."""
        self._begin(collects=self._is_due(trainer) and has_tensorboard(trainer))

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
            self._show(trainer, self._gather(trainer, pl_module, trainer.val_dataloaders))

    @rank_zero_only
    def _show(self, trainer: Trainer, evaluation: AnyEvaluation) -> None:
        # matplotlib takes longer to import than a small validation takes to run.
        from litclassify.callbacks.evaluation import report_output  # noqa: PLC0415

        table, loader = class_table(evaluation), single_loader(trainer.val_dataloaders)
        paths = image_paths(loader, range(len(evaluation)), "val")
        pictures = report_output.draw(evaluation, table, loader, paths, self.gallery)
        tables = report_output.tabulate(evaluation, table, summary(evaluation, table))
        for writer in tensorboard_writers(trainer):
            report_output.show(writer, pictures, tables, "val", self._step)
            report_output.show_pr_curves(writer, evaluation, table, "val", self._step)
