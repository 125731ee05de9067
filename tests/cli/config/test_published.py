from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch import LightningDataModule

from litclassify.cli.config.published import check_loader, published_value
from litclassify.errors import UserError

STORED = {"class_names": ["cat", "dog"], "mean": [0.5], "image_shape": [1, 8, 8]}


def data(**attributes: Any) -> Any:
    return SimpleNamespace(**attributes)


def test_the_checkpoint_knows_all_but_the_shape_of_the_images() -> None:
    own = data(mean=[0.1], std=[0.2], image_shape=[3, 8, 8])
    values = {name: published_value(name, own, STORED, predicts=False) for name in ("mean", "std", "image_shape")}
    assert values == {"mean": [0.5], "std": [0.2], "image_shape": [3, 8, 8]}


def test_classes_must_be_those_of_the_checkpoint_unless_files_are_predicted() -> None:
    own = data(class_names=["dog", "cat"], path="photos")
    assert published_value("class_names", own, STORED, predicts=True) == ["cat", "dog"]
    with pytest.raises(UserError, match=r"checkpoint \(2\): cat, dog\ndata \(2\): dog, cat"):
        published_value("class_names", own, STORED, predicts=False)


def test_data_without_classes_is_refused_unless_a_checkpoint_knows_them() -> None:
    assert published_value("class_names", data(), STORED, predicts=False) == ["cat", "dog"]
    with pytest.raises(UserError, match="SimpleNamespace has no class_names"):
        published_value("class_names", data(), {}, predicts=False)


class Validated(LightningDataModule):
    def val_dataloader(self) -> list[Any]:
        return []


@pytest.mark.parametrize(("subcommand", "loader"), [("fit", "train"), ("test", "test"), ("predict", "predict")])
def test_the_loader_that_data_lacks_is_named(subcommand: str, loader: str) -> None:
    check_loader(Validated(), "validate")
    with pytest.raises(UserError, match=f"data: Validated has no {loader}_dataloader, which {subcommand} reads"):
        check_loader(Validated(), subcommand)


def test_images_are_counted_for_weights_alone_and_once() -> None:
    counted = data(class_counts=[3, 4])
    assert published_value("class_counts", counted, {}, predicts=False) is None
    assert published_value("class_counts", counted, {}, predicts=False, weighs_classes=True) == [3, 4]
    stored = {"class_counts": [1, 2]}
    assert published_value("class_counts", counted, stored, predicts=False, weighs_classes=True) == [1, 2]
