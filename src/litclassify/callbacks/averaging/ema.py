"""An exponential moving average of the weights."""

from lightning.pytorch import LightningModule, Trainer

from litclassify.callbacks.averaging.weight_average import WeightAverage
from litclassify.errors import UserError


class EMA(WeightAverage):
    """Evaluates and saves an exponential moving average of the weights, which steadies what the last steps did.

    The average holds `decay` of itself and `1 - decay` of the weights after each optimizer step, with
    `decay = 0.5 ** (1 / (half_life_epochs * steps_per_epoch))`: the same for every batch size, number of devices and
    `accumulate_grad_batches`. After t steps the decay is (1 + t) / (10 + t) at most, so that a young average forgets.

    Args:
        half_life_epochs: Epochs after which weights count half in the average, over 0. For a published decay d at
            batch size B and N images it is 0.69 / (1 - d) * B / N; sensible is one to five hundredths of the run.
        start: When the average begins, as a share of the run, in [0, 1). Before that, the weights themselves are
            evaluated and saved.
    """

    def __init__(self, half_life_epochs: float = 1.0, start: float = 0.0) -> None:
        super().__init__(start)
        if not 0 < half_life_epochs < float("inf"):
            raise UserError(f"EMA.half_life_epochs must be over 0, got {half_life_epochs}.")
        self.half_life_epochs = half_life_epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the decay is known.

        Raises:
            UserError: The length of an epoch is open.
        """
        super().on_train_start(trainer, pl_module)
        if trainer.num_training_batches == float("inf"):
            raise UserError("EMA.half_life_epochs needs the length of an epoch: set trainer.limit_train_batches.")

    def share(self, trainer: Trainer) -> float:
        """Give 1 minus the decay."""
        # Now, and not once a run: a callback may change accumulate_grad_batches between epochs.
        steps_per_epoch = trainer.num_training_batches / trainer.accumulate_grad_batches
        decay: float = 0.5 ** (1 / (self.half_life_epochs * steps_per_epoch))
        return 1 - min(decay, (1 + self.updates) / (10 + self.updates))
