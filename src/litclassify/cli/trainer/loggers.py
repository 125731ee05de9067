"""Where a run's metrics go unless its config names other loggers."""

import csv
from io import StringIO
from pathlib import Path

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.loggers.tensorboard import TensorBoardLogger as FabricTensorBoardLogger
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from litclassify.files.durable_files import replacing


def loggers_for(
    subcommand: str, run_dir: Path | None, configured: Logger | list[Logger] | bool | None
) -> Logger | list[Logger] | bool:
    """Write event files, and for `fit` a `metrics.csv`, into the run, unless the config says otherwise.

    Args:
        subcommand: `validate` and `predict` log nothing: they have no place on the curves of training.
        run_dir: Directory of the run; None logs nothing.
        configured: The Trainer's `logger`.
    """
    if configured not in (None, True):
        return configured
    if run_dir is None or subcommand not in ("fit", "test"):
        return False
    tensorboard = SparingTensorBoardLogger(run_dir, name="", version="", default_hp_metric=False)
    return [tensorboard, AppendingCSVLogger(run_dir, name="", version="")] if subcommand == "fit" else tensorboard


class SparingTensorBoardLogger(TensorBoardLogger):
    """A TensorBoard logger that writes no empty `hparams.yaml`: the configs of a run hold what it was made with."""

    def save(self) -> None:
        """Write what is logged, and the hyperparameters if the model logs any of its own."""
        if self.hparams:
            super().save()
        else:
            FabricTensorBoardLogger.save(self)


class AppendingCSVLogger(CSVLogger):
    """A CSV logger that goes on where an interrupted run stopped; Lightning's deletes what is there."""

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer, made on first use."""
        if self._experiment is None:
            self._experiment = _AppendingWriter(self.log_dir)
        assert isinstance(self._experiment, ExperimentWriter)
        return self._experiment


class _AppendingWriter(ExperimentWriter):
    def _check_log_dir_exists(self) -> None:
        """Take over the columns of an earlier file, in place of deleting it."""
        path = Path(self.metrics_file_path)
        if path.is_file():
            with path.open(newline="") as file:
                self.metrics_keys = next(csv.reader(file), [])

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        """Add columns; Lightning's empties the file first, and a process that is killed there has lost it."""
        path = Path(self.metrics_file_path)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        text = StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames)
        writer.writeheader()
        writer.writerows(rows)
        with replacing(path) as output:
            output.write(text.getvalue().encode())
