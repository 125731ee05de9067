"""Whether there is something to test on, before training."""

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.combined_loader import CombinedLoader

from litclassify.callbacks.evaluation.loader_images import several_loaders
from litclassify.errors import UserError


class TestSetCheck(Callback):
    """Build the test set before training starts, so that a run that ends with a test does not fail there."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Build it.

        Raises:
            UserError: The data has no test set, or several, or it cannot be read.
        """
        if stage != "fit":
            return
        datamodule = trainer.datamodule  # type: ignore[attr-defined] # set by Lightning's data connector
        try:
            datamodule.setup("test")
            loaders = datamodule.test_dataloader()
        except (UserError, MisconfigurationException) as error:
            raise UserError(f"test_after_fit needs a test set. {error}") from error
        if len(CombinedLoader(loaders, "sequential").flattened) > 1:
            raise several_loaders("test_dataloader")
