from pathlib import Path

import pytest
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.demos.boring_classes import BoringModel
from tests.callbacks.evaluation.test_test_report import PICTURES
from tests.callbacks.observed import events, train
from tests.models.test_image_classifier import quiet_trainer

from litclassify.callbacks import ValidationReport
from litclassify.errors import UserError


class StopsAfterFirst(EarlyStopping):
    def __init__(self) -> None:
        super().__init__("val_loss")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = not trainer.sanity_checking


def steps(folder: Path, tag: str = "val/confusion_matrix") -> list[int]:
    found = events(folder)
    return [image.step for image in found.Images(tag)] if tag in found.Tags()["images"] else []


def test_the_last_validation_is_shown_as_a_test_is(tmp_path: Path) -> None:
    train(tmp_path, ValidationReport())
    found = events(tmp_path)
    assert {tag for tag in found.Tags()["images"] if tag.startswith("val/")} == {f"val/{name}" for name in PICTURES}
    assert {"val/pr/cat", "val/pr/dog", "val/pr/eel", "val/classes/text_summary"} <= set(found.Tags()["tensors"])
    assert steps(tmp_path) == [6]


def test_the_last_is_that_of_early_stopping(tmp_path: Path) -> None:
    train(tmp_path, StopsAfterFirst(), ValidationReport(), max_epochs=5)
    assert steps(tmp_path) == [3]


@pytest.mark.slow
@pytest.mark.parametrize(("every", "expected"), [(1, [3, 6, 9]), (2, [6]), (9, [])])
def test_epochs_are_chosen(tmp_path: Path, every: int, expected: list[int]) -> None:
    train(tmp_path, ValidationReport(every_n_epochs=every, gallery=0), max_epochs=3)
    assert steps(tmp_path) == expected
    assert steps(tmp_path, "val/worst_predictions") == []


def test_without_validation_there_is_nothing_to_show(tmp_path: Path) -> None:
    train(tmp_path, ValidationReport(), limit_val_batches=0)
    assert steps(tmp_path) == []


def test_another_model_is_refused_before_training(tmp_path: Path) -> None:
    class Untrained(BoringModel):
        def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
            raise AssertionError("it trains")

    trainer = quiet_trainer(
        max_epochs=1, num_sanity_val_steps=0, callbacks=[ValidationReport()], default_root_dir=tmp_path
    )
    with pytest.raises(UserError, match="ValidationReport is for an ImageClassifier, got Untrained: leave it out"):
        trainer.fit(Untrained())


@pytest.mark.parametrize("argument", [{"every_n_epochs": 0}, {"gallery": -1}])
def test_impossible_numbers_are_refused(argument: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"ValidationReport.{next(iter(argument))} must be at least"):
        ValidationReport(**argument)
