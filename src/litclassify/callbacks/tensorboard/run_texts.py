"""Configuration and environment of a run, to read in TensorBoard."""

from collections.abc import Mapping

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from litclassify.callbacks.tensorboard.writers import tensorboard_writers


class RunTexts(Callback):
    """Show texts in TensorBoard's text tab.

    Args:
        texts: Each text by its title, shown as it is, in a monospaced block.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write each text once."""
        for writer in tensorboard_writers(trainer):
            for title, text in self.texts.items():
                # Four blanks before each line make a code block of it, whatever the text holds.
                writer.add_text(title, "\n".join(f"    {line}" for line in text.splitlines()))
