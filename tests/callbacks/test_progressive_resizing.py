"""Small images first, whole ones later, and always in validation."""

from functools import partial
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from litclassify.callbacks import ProgressiveResizing
from litclassify.errors import UserError
from litclassify.models import ImageClassifier
from litclassify.networks import MLP


class Seen(nn.Module):
    """Remembers the sizes of images, and whether it was training."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, num_classes)
        self.sizes: list[tuple[bool, int, int]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append((self.training, *images.shape[2:]))
        return self.head(images.mean(dim=(2, 3)))


def fit(
    callback: ProgressiveResizing, max_epochs: int, fast_dev_run: bool = False, max_steps: int = -1, **arguments: Any
) -> list[tuple[bool, int, int]]:
    model = ImageClassifier(Seen, lambda parameters: SGD(parameters, lr=0.1), ["a", "b"], **arguments)
    model.network.sizes.clear()
    loader = DataLoader([(torch.rand(3, 16, 8), 0)] * 4, batch_size=4)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=max_epochs,
        max_steps=max_steps,
        fast_dev_run=fast_dev_run,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, loader, loader)
    assert not model.network._forward_pre_hooks
    return model.network.sizes


def test_the_first_epochs_are_small_and_validation_is_whole() -> None:
    sizes = fit(ProgressiveResizing(epochs=2, scale=0.75), max_epochs=3)
    small, whole, validated = (True, 12, 6), (True, 16, 8), (False, 16, 8)
    assert sizes == [small, validated, small, validated, whole, validated]


def test_pixels_are_averaged() -> None:
    images = torch.rand(2, 3, 8, 8)
    whole = ProgressiveResizing(epochs=1, scale=0.5).resized(images)
    assert whole.shape == (2, 3, 4, 4)
    # Uniform noise loses three quarters of its variance and more: a pixel that is skipped would keep all.
    assert whole.var() < images.var() / 3


@pytest.mark.parametrize(
    ("arguments", "message"), [({"epochs": 0}, "at least 1"), ({"epochs": 1, "scale": 1.0}, "between 0 and 1")]
)
def test_values_outside_of_their_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ProgressiveResizing(**arguments)


@pytest.mark.parametrize("length", [{"max_epochs": 3}, {"max_epochs": 9, "max_steps": 3}])
def test_a_run_without_whole_images_is_refused(length: dict[str, int]) -> None:
    with pytest.raises(UserError, match="leaves no epoch of whole images: training ends after epoch 3"):
        fit(ProgressiveResizing(epochs=3), **length)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_network_that_does_not_take_small_images_is_refused(compiled: bool) -> None:
    network = partial(MLP, in_features=384)
    model = ImageClassifier(network, partial(SGD, lr=0.1), ["a", "b"], image_shape=(3, 16, 8), compile=compiled)
    model.setup("fit")
    with pytest.raises(UserError, match=r"ProgressiveResizing.scale=0.75: .*384"):
        ProgressiveResizing(epochs=1).on_fit_start(Trainer(max_epochs=2, logger=False, accelerator="cpu"), model)


def test_a_trial_of_one_batch_is_no_short_run() -> None:
    sizes = fit(ProgressiveResizing(epochs=5, scale=0.75), max_epochs=10, fast_dev_run=True)
    assert sizes == [(True, 12, 6), (False, 16, 8)]
