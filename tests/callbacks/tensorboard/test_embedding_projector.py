import csv
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tests.callbacks.observed import IMAGES, LABELS, TARGETS, VAL, classifier, train, train_labels
from tests.models.test_image_classifier import CLASSES, quiet_trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from litclassify.callbacks import EmbeddingProjector
from litclassify.callbacks.tensorboard.feature_collector import pooled, thumbnails
from litclassify.errors import UserError
from litclassify.test_time_augmentation import Flip


def stance() -> str:
    """How compiled networks run."""
    from torch._dynamo.eval_frame import _stance  # noqa: PLC0415 - set anew by name

    return str(_stance.stance)


def written(folder: Path, split: str) -> Path:
    (found,) = folder.glob(f"*/{split}")
    return found


def metadata(folder: Path, split: str) -> list[dict[str, str]]:
    with (written(folder, split) / "metadata.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_validation_images_are_told_by_what_the_head_sees(tmp_path: Path) -> None:
    outcome = train(tmp_path, EmbeddingProjector())
    model = outcome["trainer"].model
    model.network.eval()
    with torch.no_grad():
        expected = nn.Sequential(*list(model.network)[:5])(model.normalize(IMAGES[20:]))
        predicted = model(IMAGES[20:]).argmax(dim=1).tolist()
    features = np.loadtxt(written(tmp_path, "val") / "tensors.tsv")
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-5, atol=1e-5)
    rows = metadata(tmp_path, "val")
    assert [row["target"] for row in rows] == [CLASSES[target] for target in TARGETS[20:]]
    assert [row["prediction"] for row in rows] == [CLASSES[label] for label in predicted]
    assert [row["right"] == "right" for row in rows] == [row["target"] == row["prediction"] for row in rows]
    assert [row["path"] for row in rows] == [f"val/{i}" for i in range(24)]


def test_several_labels_are_one_name(tmp_path: Path) -> None:
    outcome = train_labels(tmp_path, EmbeddingProjector())
    model = outcome["trainer"].model
    model.network.eval()
    with torch.no_grad():
        predicted = model(IMAGES[20:]).sigmoid() > 0.4
    for row, has, is_said in zip(metadata(tmp_path, "val"), LABELS[20:].tolist(), predicted.tolist(), strict=True):
        assert row["target"] == ";".join(name for name, there in zip(CLASSES, has, strict=True) if there)
        assert row["prediction"] == ";".join(name for name, there in zip(CLASSES, is_said, strict=True) if there)
        assert row["right"] == ("right" if has == is_said else "wrong")


def test_thumbnails_stand_in_the_order_of_the_rows(tmp_path: Path) -> None:
    train(tmp_path, EmbeddingProjector(max_images=9))
    sprite = np.asarray(Image.open(written(tmp_path, "val") / "sprite.png"))
    assert sprite.shape == (96, 96, 3)
    assert [row["path"] for row in metadata(tmp_path, "val")] == [f"val/{i}" for i in range(0, 24, 3)]
    for i in range(8):
        row, column = divmod(i, 3)
        tile = sprite[32 * row : 32 * row + 32 : 4, 32 * column : 32 * column + 32 : 4, 0]
        assert np.abs(tile.astype(int) - IMAGES[20 + 3 * i, 0].numpy()).max() <= 1


def test_a_test_joins_the_validation_and_replaces_an_earlier_test(tmp_path: Path) -> None:
    outcome = train(tmp_path, EmbeddingProjector())
    for _ in range(2):
        outcome["trainer"].test(outcome["trainer"].model, VAL, verbose=False)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert re.findall(r'tensor_name: "(\w+):', config) == ["val", "test"]


class Named(TensorDataset):
    """Images that say which files they are of."""

    paths = tuple(f"image{i}.png" for i in range(24))


@pytest.mark.parametrize("in_list", [False, True])
def test_images_of_a_loader_in_a_list_have_their_paths(tmp_path: Path, in_list: bool) -> None:
    loader = DataLoader(Named(IMAGES[20:], TARGETS[20:]), 8)
    trainer = train(tmp_path, EmbeddingProjector())["trainer"]
    trainer.test(trainer.model, [loader] if in_list else loader, verbose=False)
    assert [row["path"] for row in metadata(tmp_path, "test")] == list(Named.paths)


def test_of_several_views_the_first_is_taken(tmp_path: Path) -> None:
    views = Flip(validate=True)
    outcome = train(tmp_path, EmbeddingProjector(), model=classifier(test_time_augmentation=views))
    model = outcome["trainer"].model
    model.network.eval()
    with torch.no_grad():
        expected = nn.Sequential(*list(model.network)[:5])(model.normalize(IMAGES[20:]))
    np.testing.assert_allclose(np.loadtxt(written(tmp_path, "val") / "tensors.tsv"), expected.numpy(), atol=1e-5)


def test_no_hook_stays_behind(tmp_path: Path) -> None:
    outcome = train(tmp_path, EmbeddingProjector())
    assert not any(module._forward_pre_hooks for module in outcome["trainer"].model.network.modules())


class BrokenOffError(Exception):
    pass


class Breaks(Callback):
    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        if not trainer.sanity_checking:
            raise BrokenOffError

    on_test_batch_end = on_validation_batch_end


def no_trace_is_left(model: nn.Module) -> bool:
    hooks = any(module._forward_pre_hooks for module in model.modules())
    return not hooks and stance() == "default"


def test_nothing_stays_behind_where_an_evaluation_breaks_off(tmp_path: Path) -> None:
    model = classifier(criterion=nn.CrossEntropyLoss())  # The default is shared, and stays in evaluation mode.
    with pytest.raises(BrokenOffError):
        train(tmp_path, EmbeddingProjector(), Breaks(), model=model)
    assert no_trace_is_left(model)
    trainer = quiet_trainer(logger=TensorBoardLogger(tmp_path), callbacks=[EmbeddingProjector(), Breaks()])
    with pytest.raises(BrokenOffError):
        trainer.test(model, VAL, verbose=False)
    assert no_trace_is_left(model)


def test_a_compiled_network_shows_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # Inductor takes half a minute.
    for name in ("plain", "compiled"):
        train(tmp_path / name, EmbeddingProjector(), model=classifier(compile=name == "compiled"), max_epochs=1)
    plain, compiled = (np.loadtxt(written(tmp_path / name, "val") / "tensors.tsv") for name in ("plain", "compiled"))
    np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-4)


class Bypassed(nn.Module):
    """Uses the weights of its head, and not the head."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), nn.Linear(8, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.linear(self.body(images), self.head.weight, self.head.bias)


def test_a_head_that_is_never_called_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="shows nothing of val: the network does without its head"):
        train(tmp_path, EmbeddingProjector(), model=classifier(Bypassed))


class NoHead(nn.Sequential):
    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, num_classes))


def test_a_network_without_features_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="EmbeddingProjector sets the head of the network apart"):
        train(tmp_path, EmbeddingProjector(), model=classifier(NoHead))


@pytest.mark.parametrize("number", [0, 10_001])
def test_impossible_numbers_are_refused(number: int) -> None:
    with pytest.raises(UserError, match=f"max_images must be from 1 to 10000, got {number}"):
        EmbeddingProjector(number)


@pytest.mark.parametrize(("shape", "expected"), [((2, 5), (2, 5)), ((2, 5, 3, 3), (2, 5)), ((2, 7, 5), (2, 5))])
def test_features_of_places_are_averaged(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert pooled(torch.ones(shape)).tolist() == torch.ones(expected).tolist()


@pytest.mark.parametrize("make", [partial(torch.full, fill_value=255, dtype=torch.uint8), torch.ones])
def test_thumbnails_are_square_and_coloured(make: partial[Tensor]) -> None:
    wide = thumbnails(make((2, 1, 40, 160)))
    assert wide.shape == (2, 3, 64, 64)
    assert (wide == 255).all()
    assert thumbnails(make((1, 3, 8, 8))).shape == (1, 3, 32, 32)


def test_thumbnails_keep_the_proportions() -> None:
    dark = thumbnails(torch.zeros(1, 3, 40, 160))
    assert (dark == 0).all(dim=1).any(dim=2).sum() == 16
