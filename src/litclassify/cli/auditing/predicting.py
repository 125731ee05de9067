"""A checkpoint's network and data, built to predict outside of a run."""

from pathlib import Path

from lightning.pytorch import Trainer

from litclassify.cli.checkpoints.checkpoint import load
from litclassify.cli.dry_run import DryRun
from litclassify.data import ImageDataModule
from litclassify.errors import UserError
from litclassify.models import ImageClassifier


class Predicting(DryRun):
    """A command line that builds a checkpoint's data and model, with its weights, and runs and writes nothing.

    Args:
        subcommand: `validate`, for data with the classes of the checkpoint, or `predict`, for any files.
        checkpoint: Whose configuration they have.
        words: Further words.

    Raises:
        UserError: The data module is none of images.
    """

    model: ImageClassifier
    datamodule: ImageDataModule

    def __init__(self, subcommand: str, checkpoint: Path, *words: str) -> None:
        super().__init__([subcommand, "--ckpt_path", str(checkpoint), *words])
        data: object = self.datamodule
        if not isinstance(data, ImageDataModule):
            raise UserError(f"'{checkpoint}': {type(data).__name__} is not a data module derived from ImageDataModule.")
        self.model.load_state_dict(load(checkpoint)["state_dict"])

    def instantiate_trainer(self, **_: object) -> Trainer:
        """Build none: it would make a record in the run."""
        return None  # type: ignore[return-value] # Nothing runs.


def quiet_trainer(**settings: object) -> Trainer:
    """Give a Trainer that predicts in this process, and writes and shows nothing."""
    return Trainer(
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        devices=1,
        **settings,  # type: ignore[arg-type]
    )
