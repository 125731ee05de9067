"""The tutorial's own objects work in plain Python, without the command line."""

import gc
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from litclassify.data import Digits
from litclassify.models import ImageClassifier
from litclassify.networks import TorchvisionNetwork


def test_image_folder_loaders_a_classifier_and_a_trainer(class_folders: Path, tmp_path: Path) -> None:
    seed_everything(0)
    dataset = ImageFolder(str(class_folders), transform=transforms.ToTensor())
    train_loader = DataLoader(dataset, batch_size=8, shuffle=True)
    val_loader = DataLoader(dataset, batch_size=8)
    model = ImageClassifier(
        network=partial(TorchvisionNetwork, name="resnet18"),
        criterion=torch.nn.CrossEntropyLoss(),
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        class_names=dataset.classes,
    )
    checkpoint = ModelCheckpoint(dirpath=tmp_path / "checkpoints", monitor="val_acc", mode="max")
    trainer = Trainer(
        max_epochs=8,
        accelerator="cpu",
        devices=1,
        logger=False,
        callbacks=[EarlyStopping("val_acc", mode="max", patience=10), checkpoint],
        enable_progress_bar=False,
    )
    trainer.fit(model, train_loader, val_loader)
    (result,) = trainer.test(model, val_loader, ckpt_path=checkpoint.best_model_path, weights_only=True)
    assert result["test_acc"] == checkpoint.best_model_score
    assert result["test_acc"] > 0.9
    labels = [label for batch in trainer.predict(model, val_loader) for label in batch["label"]]
    assert labels == [dataset.classes[target] for target in dataset.targets]


def build_model() -> ImageClassifier:
    return ImageClassifier(partial(TorchvisionNetwork, name="resnet18"), torch.optim.SGD, ["cat", "dog"])


@pytest.fixture
def _garbage_is_left() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_garbage_is_left")
@pytest.mark.parametrize("build", [build_model, Digits])
def test_what_a_function_holds_is_free_when_it_ends(build: Callable[[], object]) -> None:
    def hold() -> weakref.ref[torch.Tensor]:
        images = torch.zeros(2)
        build()
        return weakref.ref(images)

    assert hold()() is None
