"""How long a run is, by all that may end it."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tests.models.test_image_classifier import classifier, loader, quiet_trainer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from litclassify.models import num_epochs


class StopError(Exception):
    """Ends a training before its first step."""


class Asked(Callback):
    """Asks when training starts, and ends it."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs = num_epochs(trainer)
        raise StopError


class Unsized(IterableDataset[tuple[Tensor, Tensor]]):
    """Images of which nobody knows how many there are."""

    def __iter__(self) -> Any:
        yield torch.zeros(1, 1, 3, dtype=torch.uint8), torch.tensor(0)


def asked(data: DataLoader[Any], **arguments: Any) -> int | None:
    asked = Asked()
    trainer = quiet_trainer(callbacks=[asked], num_sanity_val_steps=0, **arguments)
    with pytest.raises(StopError):
        trainer.fit(classifier(), data, loader(4, 4))
    return asked.epochs


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"max_epochs": 5}, 5),
        ({"max_epochs": 0}, 0),
        ({"max_epochs": -1}, None),
        ({"max_epochs": 5, "max_steps": 6}, 2),  # Of 3 an epoch.
        ({"max_epochs": 5, "max_steps": 7}, 3),
        ({"max_epochs": 5, "max_steps": 100}, 5),
        ({"max_epochs": -1, "max_steps": 7}, 3),
        ({"max_epochs": -1, "max_steps": 4, "accumulate_grad_batches": 2}, 2),
        ({"max_epochs": -1, "max_steps": 4, "limit_train_batches": 1}, 4),
        ({"max_epochs": 5, "max_steps": 4, "limit_train_batches": 0}, 5),
    ],
)
def test_a_run_has_the_epochs_that_are_asked_for_as_far_as_its_steps_go(
    arguments: dict[str, int], expected: int | None
) -> None:
    assert asked(loader(12, 4), **arguments) == expected


@pytest.mark.parametrize(("max_epochs", "expected"), [(5, 5), (-1, None)])
def test_steps_in_epochs_of_unknown_length_tell_nothing(max_epochs: int, expected: int | None) -> None:
    assert asked(DataLoader(Unsized()), max_epochs=max_epochs, max_steps=7) == expected
