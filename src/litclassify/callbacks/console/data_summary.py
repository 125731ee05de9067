"""What the data are, before a network is trained on them."""

from collections.abc import Callable, Iterable

from lightning.pytorch import Callback, LightningModule, Trainer
from rich import get_console
from rich.text import Text

from litclassify.terminal import printable


class DataSummary(Callback):
    """Print what the data module has found, before training.

    Args:
        describe: Gives the lines, once the data are set up.
    """

    def __init__(self, describe: Callable[[], Iterable[str]]) -> None:
        self.describe = describe

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print it: names are neither markup nor orders to the terminal."""
        if trainer.is_global_zero:
            for line in self.describe():
                get_console().print(Text(printable(line)), soft_wrap=True)
