"""A training that stops after any of its steps and goes on ends as one that did not, to the last bit."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from tests.callbacks.resumed import (
    BATCH_SIZE,
    BATCHES,
    EPOCHS,
    Data,
    Seen,
    StopError,
    Stopping,
    differences,
    every_step,
    model,
    train,
    trainer_for,
)
from torch import Tensor

from litclassify.callbacks import LossGuard, ResumableCheckpoint
from litclassify.callbacks.resuming.training_state import KEY

STEPS = EPOCHS * BATCHES
pytestmark = pytest.mark.filterwarnings("ignore:.*exists and is not empty.*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Any:
    """Give a training without a stop, and what it has seen."""

    @cache
    def run(**arguments: Any) -> tuple[dict[str, Any], Seen]:
        seen, data = Seen(), Data(shuffled=arguments.pop("shuffled", True))
        return train(folder, seen, data=data, **arguments), seen

    return run


def stop(folder: Path, batches: int, *callbacks: Any, data: Data | None = None, **arguments: Any) -> Path:
    """StopError a training in the middle of the batch after so many; gives its last checkpoint."""
    with pytest.raises(StopError):
        train(folder, Stopping(batches), *callbacks, data=data, **arguments)
    return folder / "last.ckpt"


def position(checkpoint: Path) -> dict[str, int] | None:
    stored: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return stored[KEY]["position"] if KEY in stored else None


@pytest.mark.parametrize("step", range(1, STEPS))
def test_resumed_after_any_step(tmp_path: Path, whole: Any, step: int) -> None:
    expected, seen_by_whole = whole()
    last, seen = stop(tmp_path, step), Seen()
    epoch, batch = divmod(step, BATCHES)
    assert position(last) == {"epoch": epoch, "batch": batch, "images": batch * BATCH_SIZE}
    assert differences(expected, train(tmp_path, seen, resumed=last)) == []
    assert seen.batches == seen_by_whole.batches[step:]
    assert set(seen.metrics) >= set(range(epoch, EPOCHS))
    assert seen.metrics == {n: seen_by_whole.metrics[n] for n in seen.metrics}


def test_what_is_compared_would_differ(whole: Any, tmp_path: Path) -> None:
    """Without its random state, the dropout of a resumed training is another one."""
    expected, _ = whole()
    last = stop(tmp_path, 3)
    content = torch.load(last, weights_only=True)
    del content[KEY]["processes"][0]["random"]
    torch.save(content, last)
    found = differences(expected, train(tmp_path, resumed=last))
    assert any(name.startswith("/weights") for name in found)


def test_stopped_again_and_again(tmp_path: Path, whole: Any) -> None:
    last = stop(tmp_path, 1)
    for batches in (1, 2, 3):
        stop(tmp_path, batches, resumed=last)
    assert position(last) == {"epoch": 1, "batch": 2, "images": 2 * BATCH_SIZE}
    assert differences(whole()[0], train(tmp_path, resumed=last)) == []


@pytest.mark.parametrize("batches", range(2, STEPS))
def test_accumulated_gradients_are_of_whole_steps(tmp_path: Path, whole: Any, batches: int) -> None:
    """Of 5 batches, a step takes 2, 2 and 1; what waits for the optimizer is done again."""
    last = stop(tmp_path, batches, accumulate_grad_batches=2)
    epoch, batch = divmod(batches, BATCHES)
    assert position(last) == {"epoch": epoch, "batch": batch - batch % 2, "images": (batch - batch % 2) * BATCH_SIZE}
    expected, _ = whole(accumulate_grad_batches=2)
    assert differences(expected, train(tmp_path, resumed=last, accumulate_grad_batches=2)) == []


@pytest.mark.parametrize("batches", [3, 4, 6])
def test_validations_that_wait_for_accumulated_gradients(tmp_path: Path, whole: Any, batches: int) -> None:
    arguments = {"accumulate_grad_batches": 2, "val_check_interval": 3}
    last = stop(tmp_path, batches, **arguments)
    expected, _ = whole(**arguments)
    assert differences(expected, train(tmp_path, resumed=last, **arguments)) == []


@pytest.mark.parametrize("steps", [3, 5, 7])
def test_max_steps(tmp_path: Path, whole: Any, steps: int) -> None:
    expected, _ = whole(max_steps=steps, max_epochs=-1)
    last = stop(tmp_path, 2, max_steps=steps, max_epochs=-1)
    assert differences(expected, train(tmp_path, resumed=last, max_steps=steps, max_epochs=-1)) == []


def test_more_steps_after_max_steps_ended_in_the_middle_of_an_epoch(tmp_path: Path, whole: Any) -> None:
    expected, seen_by_whole = whole(max_steps=STEPS)
    train(tmp_path, max_steps=3)
    assert position(tmp_path / "last.ckpt") == {"epoch": 0, "batch": 3, "images": 3 * BATCH_SIZE}
    seen = Seen()
    longer = train(tmp_path, seen, resumed=tmp_path / "last.ckpt", max_steps=STEPS)
    assert seen.batches == seen_by_whole.batches[3:]
    assert seen.metrics == seen_by_whole.metrics
    assert differences(expected, longer) == []


def test_more_epochs_after_the_last(tmp_path: Path, whole: Any) -> None:
    """In the same order; the random numbers are not those of a training that was to be longer from the start."""
    last, seen = tmp_path / "last.ckpt", Seen()
    train(tmp_path, max_epochs=1)
    assert position(last) == {"epoch": 1, "batch": 0, "images": 0}
    assert train(tmp_path, seen, resumed=last)["steps"] == STEPS
    assert seen.batches == whole()[1].batches[BATCHES:]


@pytest.mark.parametrize("step", [2, 5, 8])
def test_loader_without_a_sampler_that_skips(tmp_path: Path, whole: Any, step: int) -> None:
    data = Data(shuffled=False)
    expected, seen_by_whole = whole(shuffled=False)
    last, seen = stop(tmp_path, step, data=data), Seen()
    assert differences(expected, train(tmp_path, seen, data=data, resumed=last)) == []
    assert seen.batches == seen_by_whole.batches[step:]


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 2)])
@pytest.mark.parametrize("step", [3, 7])
def test_another_number_of_workers(tmp_path: Path, whole: Any, before: int, after: int, step: int) -> None:
    last = stop(tmp_path, step, data=Data(num_workers=before))
    assert differences(whole()[0], train(tmp_path, data=Data(num_workers=after), resumed=last)) == []


class SpoilingGuard(LossGuard):
    """Spoils the loss of a step before it looks at it."""

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        if trainer.global_step == 3:
            loss.detach().fill_(torch.nan)
        super().on_before_backward(trainer, pl_module, loss)


@pytest.mark.filterwarnings("ignore:Left out")
def test_a_first_batch_that_is_left_out_leaves_the_metrics_before_it(tmp_path: Path) -> None:
    seen_by_whole, seen, guard = Seen(), Seen(), SpoilingGuard("skip")
    expected = train(tmp_path / "whole", SpoilingGuard("skip"), seen_by_whole)
    last = stop(tmp_path, 3)
    assert differences(expected, train(tmp_path, guard, seen, resumed=last)) == []
    assert len(guard.left_out) == 1
    assert seen.metrics == seen_by_whole.metrics


@pytest.mark.parametrize(
    ("size", "step", "first"), [(2, 3, 12), (8, 3, 8), (8, 4, 16), (5, 3, 10), (16, 4, 16), (20, 4, 0), (4, 9, 16)]
)
def test_another_batch_size_goes_on_at_the_same_image_or_before(
    tmp_path: Path, whole: Any, size: int, step: int, first: int
) -> None:
    _, seen_by_whole = whole()
    last, seen = stop(tmp_path, step), Seen()
    train(tmp_path, seen, data=Data(size), resumed=last)
    epoch = step // BATCHES
    order = [image for batch in seen_by_whole.batches[epoch * BATCHES : (epoch + 1) * BATCHES] for image in batch]
    assert seen.batches[0] == order[first : first + size]
    rest = order[first:] + [image for batch in seen_by_whole.batches[(epoch + 1) * BATCHES :] for image in batch]
    assert [image for batch in seen.batches for image in batch] == rest


def test_fewer_batches_than_an_epoch_had(tmp_path: Path) -> None:
    """Its last one is done again, and metrics of that epoch stay in it."""
    last, seen = stop(tmp_path, 4), Seen()
    train(tmp_path, seen, resumed=last, limit_train_batches=2)
    assert len(seen.batches) == 1 + 2
    assert 0 <= seen.metrics[0]["train_acc"] <= 1


def test_other_accumulation_begins_with_a_whole_step(tmp_path: Path, whole: Any) -> None:
    last, seen = stop(tmp_path, 3), Seen()
    train(tmp_path, seen, resumed=last, accumulate_grad_batches=2)
    assert seen.batches == whole()[1].batches[2:]


@pytest.mark.parametrize("validations", [{}, {"val_check_interval": 2}])
@pytest.mark.filterwarnings("ignore:.*ended before the epoch ended.*")
def test_checkpoints_of_lightning_itself_resume(tmp_path: Path, whole: Any, validations: dict[str, Any]) -> None:
    """They are written in the middle of a validation or of a step, where training does not stand between two."""
    lightnings = ModelCheckpoint(tmp_path, monitor="val_loss", save_last=True)
    train(tmp_path, lightnings, max_epochs=1, **validations)
    last = tmp_path / "last.ckpt"
    assert position(last) is None
    seen = Seen()
    ours = ResumableCheckpoint(dirpath=tmp_path, monitor="val_loss", save_last=True)
    resumed = train(tmp_path, seen, ours, resumed=last, **validations)
    assert ours.best_model_path
    assert (resumed["steps"], resumed["epochs"]) == (STEPS, EPOCHS)
    if not validations:
        assert seen.batches == whole()[1].batches[BATCHES:]


def test_checkpoint_without_our_callbacks_resumes(tmp_path: Path) -> None:
    last = stop(tmp_path, 5)
    content = torch.load(last, weights_only=True)
    del content[KEY]
    torch.save(content, last)
    assert train(tmp_path, resumed=last)["steps"] == STEPS


def test_weights_of_our_checkpoint_are_validated(tmp_path: Path) -> None:
    last = stop(tmp_path, 3)
    trainer = trainer_for(tmp_path)
    (metrics,) = trainer.validate(model(), datamodule=Data(), ckpt_path=last, verbose=False, weights_only=True)
    assert metrics.keys() >= {"val_loss", "val_acc"}


@pytest.mark.parametrize("every", [{"every_n_train_steps": 3}, {"every_n_train_steps": 4}])
def test_what_was_done_since_the_last_checkpoint_is_done_again(
    tmp_path: Path, whole: Any, every: dict[str, Any]
) -> None:
    kept = every_step(tmp_path, **every)
    last = stop(tmp_path, 8, kept)
    resumed = train(tmp_path, every_step(tmp_path, **every), resumed=last)
    assert differences(whole()[0], resumed) == []


def test_kept_for_a_metric_and_resumed(tmp_path: Path, whole: Any) -> None:
    arguments = {"monitor": "val_loss", "save_top_k": 1, "every_n_train_steps": None}
    last = stop(tmp_path, 7, every_step(tmp_path, **arguments))
    assert position(last) == {"epoch": 1, "batch": 0, "images": 0}
    best = next(path for path in tmp_path.iterdir() if path.name.startswith("epoch"))
    assert differences(whole()[0], train(tmp_path, every_step(tmp_path, **arguments), resumed=best)) == []
