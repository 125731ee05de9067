"""A running average of the weights, evaluated and saved in their place."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import compress
from typing import Any, ClassVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from litclassify.callbacks.sharding import is_sharded
from litclassify.errors import UserError

# Where Lightning's WeightAveraging has the weights that training goes on with, too.
CURRENT = "current_model_state"
# How many weights the average has taken in.
UPDATES = "averaged_updates"
AVERAGING = (WeightAveraging, StochasticWeightAveraging)


class TensorAverage:
    """An average of tensors that go on changing. It is held beside them, and can change places with them.

    Args:
        tensors: By name, as a state dict; they are used, and not copied.
        average: What the average was before, by the same names. None starts it with the tensors as they are.
    """

    def __init__(self, tensors: Mapping[str, Tensor], average: Mapping[str, Tensor] | None = None) -> None:
        self._names = list(tensors)
        self._used = list(tensors.values())
        self._aside = [value.clone() for value in self._used]
        if average is not None:
            torch._foreach_copy_(self._aside, [average[name].to(value) for name, value in tensors.items()])
        floats = [value.is_floating_point() for value in self._used]
        self._floats = list(compress(self._aside, floats)), list(compress(self._used, floats))
        others = [not is_float for is_float in floats]
        self._others = list(compress(self._aside, others)), list(compress(self._used, others))
        self.is_used = False

    def add(self, share: float) -> None:
        """Move the average towards the tensors by a share in [0, 1]; take integers and booleans as they are."""
        torch._foreach_lerp_(*self._floats, share)
        if self._others[0]:
            torch._foreach_copy_(*self._others)

    def exchange(self) -> None:
        """Put the average where the tensors are, and these aside; or back."""
        used = [value.clone() for value in self._used]
        torch._foreach_copy_(self._used, self._aside)
        torch._foreach_copy_(self._aside, used)
        self.is_used = not self.is_used

    def states(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Give the average and the tensors, by name."""
        used, aside = (dict(zip(self._names, values, strict=True)) for values in (self._used, self._aside))
        return (used, aside) if self.is_used else (aside, used)


class WeightAverage(Callback, ABC):
    """Averages the weights of a training; validation, checkpoints and what follows training see the average.

    Until the average begins, they see the weights themselves. A checkpoint holds the average as `state_dict`, and what
    a resumed training goes on with as `current_model_state`. Floating-point buffers, such as the statistics of batch
    normalisation, are averaged with the weights, as those of the last step would not fit them; others are copied.

    Lightning's `WeightAveraging` validates initial weights where its average begins late, keeps the average on the
    CPU, and waits for the device at every step: https://github.com/Lightning-AI/pytorch-lightning/issues/21724

    Args:
        start: When the average begins, as a share of the run, in [0, 1).
    """

    takes: ClassVar[str] = "a step"
    """After what it takes in the weights."""

    def __init__(self, start: float = 0.0) -> None:
        if not 0 <= start < 1:
            raise UserError(f"{self._name}.start must be a share of the run, in [0, 1), got {start}.")
        self.start = start
        self.updates = 0
        self._average: TensorAverage | None = None
        self._restored: dict[str, Tensor] | None = None

    @property
    def _name(self) -> str:
        return type(self).__name__

    @abstractmethod
    def share(self, trainer: Trainer) -> float:
        """Give the share of the current weights in the average that has taken in `self.updates` of them, at least 1."""

    def is_due(self, trainer: Trainer) -> bool:
        """Whether the average takes in the weights after this optimizer step."""
        return True

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what the average cannot work with.

        Raises:
            UserError: Another callback averages weights, weights are sharded, or they have too few digits.
        """
        if stage != "fit":
            return
        callbacks = trainer.callbacks  # type: ignore[attr-defined] # set by Lightning's callback connector
        names = [type(other).__name__ for other in callbacks if isinstance(other, (WeightAverage, *AVERAGING))]
        if len(names) > 1:
            raise UserError(f"trainer.callbacks: {' and '.join(names)} both average the weights: keep one of them.")
        if is_sharded(trainer):
            raise UserError(f"{self._name} needs all weights in each process, and trainer.strategy shards them.")
        if trainer.precision in ("16-true", "bf16-true"):
            raise UserError(
                f"{self._name} needs weights of 32 bits, in which a small share is not lost: set trainer.precision "
                f"to {trainer.precision.replace('true', 'mixed')}."
            )

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take the average, and hand a training its own weights back; an evaluation keeps the average."""
        if trainer.state.fn == TrainerFn.FITTING and UPDATES in checkpoint:
            self.updates = checkpoint[UPDATES]
            self._restored = checkpoint["state_dict"]
            pl_module.load_state_dict(checkpoint[CURRENT])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the first step of the average.

        Raises:
            UserError: The start is a share of a run without an end.
        """
        num_steps = trainer.estimated_stepping_batches if self.start > 0 else 0
        if num_steps in (-1, float("inf")):
            raise UserError(f"{self._name}.start is a share of the run, which is open: set trainer.max_epochs.")
        self._first_step = int(self.start * num_steps)
        self._last_step = trainer.global_step
        if self._restored is not None:
            self._average = TensorAverage(pl_module.state_dict(), self._restored)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Let the average take in the weights after an optimizer step, of which there may be one in several batches."""
        step = trainer.global_step
        if step > max(self._last_step, self._first_step) and self.is_due(trainer):
            self._last_step = step
            self.update(trainer, pl_module)

    def update(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the average take in the weights."""
        if self._average is None:
            self._average = TensorAverage(pl_module.state_dict())
            self.updates = 0
        else:
            self._average.add(self.share(trainer))
        self.updates += 1

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluate the average."""
        self._exchange()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train on with the weights."""
        self._exchange()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Store the average as the weights of the checkpoint, and beside it those that training goes on with."""
        if self._average is not None:
            checkpoint["state_dict"], checkpoint[CURRENT] = self._average.states()
            checkpoint[UPDATES] = self.updates  # As a callback's state, Lightning would ask for the callback in tests.

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average in the model."""
        if self._average is None:
            rank_zero_warn(
                f"{self._name} averaged nothing: training ended before {self.takes} that comes after "
                f"{self._name}.start={self.start}."
            )
        self._exchange()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Free the memory of the other weights."""
        self._average = self._restored = None

    def _exchange(self) -> None:
        if self._average is not None:
            self._average.exchange()
