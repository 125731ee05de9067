"""`python main.py calibrate --ckpt_path CHECKPOINT [--output FILE]`."""

import os
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console

from litclassify.callbacks.evaluation.evaluation_callback import EvaluationCallback
from litclassify.callbacks.evaluation.evaluation_collector import EvaluationCollector
from litclassify.cli.application import ClassificationCLI
from litclassify.cli.checkpoints.checkpoint import load
from litclassify.cli.checkpoints.io import DurableCheckpointIO
from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.errors import UserError
from litclassify.evaluation import AnyEvaluation, Evaluation, class_table, summary
from litclassify.tables import print_table
from litclassify.temperature import fit_temperature

ARGUMENT = "calibration_temperature"
SHOWN = ("ece", "nll", "brier", "acc")
# The validation images that a temperature is fitted to should be many more than one.
MIN_IMAGES = 50


def main(words: list[str]) -> None:
    """Fit a temperature to the validation images, and store it in the checkpoint."""
    parser = CommandParser("calibrate", f"{COMMANDS['calibrate']} Further arguments are those of validate.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="Write a copy, and leave the checkpoint as it is.")
    arguments, rest = parser.parse_known_args(words)
    Calibration(["validate", *rest], arguments.output)


class ValidationEvaluation(EvaluationCallback[AnyEvaluation]):
    """Keeps what a classifier says of the validation images: `evaluation`, once they have been seen."""

    evaluation: Evaluation

    def __init__(self) -> None:
        super().__init__(EvaluationCollector())

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._begin()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the batches together."""
        evaluation = self._gather(trainer, pl_module, trainer.val_dataloaders)
        assert isinstance(evaluation, Evaluation)
        self.evaluation = evaluation


class Calibration(ClassificationCLI):
    """A validation whose logits a temperature is fitted to.

    Args:
        args: The words after the program's name.
        output: Checkpoint to write; None changes the one that is calibrated.

    Raises:
        UserError: No checkpoint is given, the classifier has no classes to choose from, or there are too few images.
    """

    command = "calibrate"

    def __init__(self, args: list[str], output: Path | None) -> None:
        self.output = output
        self.validation = ValidationEvaluation()
        super().__init__(args)

    def before_instantiate_classes(self) -> None:
        """Refuse what cannot be calibrated before anything is read."""
        super().before_instantiate_classes()
        if self.output is not None and self.output.is_dir():
            raise UserError(f"--output '{self.output}' is a directory. Give a file.")

    def before_validate(self) -> None:
        """See the images as tests and predictions do.

        Raises:
            UserError: They have several labels.
        """
        if self.model.multi_label:
            raise UserError(
                "calibrate is for classifiers of images with one class each; this one knows several labels."
            )
        if self.model.test_time_augmentation is not None:
            self.model.test_time_augmentation.validate = True

    def _callbacks(self, settings: dict[str, object]) -> list[Callback]:  # type: ignore[override]
        return [*super()._callbacks(settings), self.validation]

    @rank_zero_only
    def after_validate(self) -> None:
        """Fit the temperature, store it and say what it changes."""
        assert self.checkpoint is not None
        before = self.validation.evaluation.at_temperature(1.0)
        if len(before) < MIN_IMAGES:
            raise UserError(f"calibrate needs at least {MIN_IMAGES} validation images, got {len(before)}.")
        after = before.at_temperature(fit_temperature(before.logits, before.targets))
        content = load(self.checkpoint.path)
        content["hyper_parameters"] = {**content["hyper_parameters"], ARGUMENT: after.temperature}
        target = self.output or self.checkpoint.path
        written = self.checkpoint.path.stat()
        DurableCheckpointIO().save_checkpoint(content, target)
        os.utime(target, ns=(written.st_atime_ns, written.st_mtime_ns))  # The newest of a run knows the best.
        print_comparison(before, after)
        Console().print(f"Temperature {after.temperature:.4f} stored in {target}", soft_wrap=True, highlight=False)


def print_comparison(before: Evaluation, after: Evaluation) -> None:
    """Print what a temperature does to the validation images."""
    first, second = (summary(evaluation, class_table(evaluation)) for evaluation in (before, after))
    print_table(
        ["validation images", "before", "calibrated"],
        [[name, f"{first[name]:.4f}", f"{second[name]:.4f}"] for name in SHOWN],
        numbers=["before", "calibrated"],
    )
