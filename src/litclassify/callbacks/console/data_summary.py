"""What the data are, before a network is trained or evaluated on them."""

from collections.abc import Callable, Iterable
from typing import Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from rich import get_console
from rich.text import Text

from litclassify.terminal import printable

Stage = Literal["fit", "validate", "test"]


class DataSummary(Callback):
    """Print what the data module has found, before training and evaluation.

    Args:
        describe: Gives the lines for `fit`, `validate` or `test`, once the data are set up.
    """

    def __init__(self, describe: Callable[[Stage], Iterable[str]]) -> None:
        self.describe = describe

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what there is to train on."""
        self._print(trainer, "fit")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what there is to validate on, but not in a training."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._print(trainer, "validate")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what there is to test on."""
        self._print(trainer, "test")

    def _print(self, trainer: Trainer, stage: Stage) -> None:
        """Print lines, in which names are neither markup nor orders to the terminal."""
        if trainer.is_global_zero:
            for line in self.describe(stage):
                get_console().print(Text(printable(line)), soft_wrap=True)
