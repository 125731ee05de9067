"""What a test found, as figures in TensorBoard and as a report to read."""

from functools import partial
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from litclassify.callbacks.evaluation.activation_maps import maps_if_any
from litclassify.callbacks.evaluation.evaluation_callback import EvaluationCallback
from litclassify.callbacks.evaluation.evaluation_collector import EvaluationCollector, check_classifier
from litclassify.callbacks.evaluation.loader_images import image_paths, single_loader
from litclassify.callbacks.tensorboard.writers import tensorboard_writers
from litclassify.errors import UserError
from litclassify.evaluation import AnyEvaluation, LabelEvaluation, class_table, summary
from litclassify.evaluation.predictions_file import write_predictions
from litclassify.models import ImageClassifier
from litclassify.predictions import separator_of

RECORDS = ("config.*.yaml", "environment.*.json")


class TestReport(EvaluationCallback[AnyEvaluation]):
    """Log further metrics of a test, and write what it found into the run.

    Metrics are those of `litclassify.evaluation.METRICS`: `test_f1`, `test_ece` and so on; of several labels, those of
    `LABEL_METRICS`. The run gets `report.html`, `report.md` with the figures and tables as files in `report/`, and
    `test_predictions.csv`; TensorBoard the same figures, and curves of precision and recall.

    The logits of all test images are held for it: 4 bytes for each image and class.

    Args:
        resamples: Draws for confidence intervals (bootstrap); 0 gives none.
        gallery: Images in each gallery, at most; 0 for no galleries.
        explain: For how many images of a gallery, at most, it is shown where the network sees the prediction and where
            the target (Grad-CAM); 0 for none. Networks that keep no positions apart, such as `MLP`, do without.
        verbose: Whether the terminal shows the scores of each class.
    """

    __test__ = False  # No test, says this to pytest.
    page: Path | None = None
    """The report, once it is written."""

    def __init__(self, resamples: int = 1000, gallery: int = 24, explain: int = 12, verbose: bool = True) -> None:
        super().__init__(EvaluationCollector())
        for name, value in (("resamples", resamples), ("gallery", gallery), ("explain", explain)):
            if value < 0:
                raise UserError(f"TestReport: {name} must be at least 0, got {value}.")
        self.resamples = resamples
        self.gallery = gallery
        self.explain = explain
        self.verbose = verbose

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what it cannot report on, before training, if there is any."""
        check_classifier(self, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._begin()

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics."""
        self._evaluation = self._gather(trainer, pl_module, trainer.test_dataloaders)
        self._table = class_table(self._evaluation)
        self._metrics = summary(self._evaluation, self._table)
        assert isinstance(pl_module, ImageClassifier)
        own = set(pl_module.test_metrics.keys())  # Which the classifier logs itself.
        logged = {f"test_{name}": value for name, value in self._metrics.items()}
        pl_module.log_dict({name: value for name, value in logged.items() if name not in own}, sync_dist=True)

    @rank_zero_only
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the scores of classes, and write the report."""
        assert isinstance(pl_module, ImageClassifier)
        # matplotlib takes longer to import than a small test takes to run.
        from litclassify.callbacks.evaluation import report_output  # noqa: PLC0415
        from litclassify.evaluation.report import Report  # noqa: PLC0415

        evaluation, table, loader = self._evaluation, self._table, single_loader(trainer.test_dataloaders)
        paths = image_paths(loader, range(len(evaluation)), "test")
        folder = Path(trainer.default_root_dir)
        read_maps = partial(maps_if_any, trainer, pl_module) if self.explain else None
        report = Report(
            title=f"Test of {folder.parent.name}, {folder.name}",
            facts=self._facts(trainer),
            tables=report_output.tabulate(evaluation, table, self._metrics, self.resamples),
            pictures=report_output.draw(evaluation, table, loader, paths, self.gallery, read_maps, self.explain),
            texts=_records(folder),
        )
        if self.verbose:
            report_output.print_first_rows(report.table("labels" if pl_module.multi_label else "classes"))
        self.page = report_output.write_report(report, folder)
        write_predictions(evaluation, paths, folder, separator_of(trainer.datamodule))  # type: ignore[attr-defined]
        for writer in tensorboard_writers(trainer):
            report_output.show(writer, report.pictures, report.tables, "test", trainer.global_step)
            report_output.show_pr_curves(writer, evaluation, table, "test", trainer.global_step)

    def _facts(self, trainer: Trainer) -> dict[str, str]:
        wrong = "with a wrong label" if isinstance(self._evaluation, LabelEvaluation) else "wrong"
        return {
            "checkpoint": str(trainer.ckpt_path or "the weights that training ended with"),
            "images": f"{len(self._evaluation)}",
            wrong: f"{int((~self._evaluation.correct).sum())}",
        }


def _records(folder: Path) -> dict[str, str]:
    """Read the configurations and environments of a run."""
    files = [path for name in RECORDS for path in sorted(folder.glob(name))]
    return {path.name: path.read_text(encoding="utf-8") for path in files}
