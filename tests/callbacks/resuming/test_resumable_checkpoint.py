"""What is written when, and what a kill between two writes leaves."""

import errno
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import AsyncCheckpointIO, TorchCheckpointIO
from tests.callbacks.resumed import BATCHES, EPOCHS, Seen, StopError, Stopping, differences, every_step, train

from litclassify.callbacks import ResumableCheckpoint
from litclassify.cli.checkpoints.io import DurableCheckpointIO
from litclassify.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*exists and is not empty.*")
KEPT = {"monitor": "val_loss", "save_top_k": 1, "every_n_train_steps": None, "filename": "{epoch}"}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that is done to checkpoint files, in order."""
    done: list[str] = []
    save, remove, link = Trainer.save_checkpoint, ModelCheckpoint._remove_checkpoint, os.link

    def note_save(self: Trainer, path: str, *arguments: Any) -> None:
        done.append(f"save {Path(path).name}")
        save(self, path, *arguments)

    def note_remove(self: ModelCheckpoint, trainer: Trainer, path: str) -> None:
        done.append(f"remove {Path(path).name}")
        remove(self, trainer, path)

    def note_link(source: Path, path: Path) -> None:
        done.append(f"link {Path(source).name} {Path(path).name[1:-5]}")
        link(source, path)

    monkeypatch.setattr(Trainer, "save_checkpoint", note_save)
    monkeypatch.setattr(ModelCheckpoint, "_remove_checkpoint", note_remove)
    monkeypatch.setattr(os, "link", note_link)
    return done


def checkpoint(folder: Path, **arguments: Any) -> ResumableCheckpoint:
    return every_step(folder, **KEPT | arguments)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def state(file: Path) -> dict[str, Any]:
    (found,) = (value for key, value in content(file)["callbacks"].items() if key.startswith("ModelCheckpoint"))
    return found


def step(file: Path) -> int:
    reached: int = content(file)["global_step"]
    return reached


# --- The order of writes ---


def test_the_file_to_go_on_from_comes_first_and_deletions_last(tmp_path: Path, noted: list[str]) -> None:
    train(tmp_path, checkpoint(tmp_path, mode="max", monitor="epoch_number"), Numbers(), max_epochs=2)
    assert noted == [
        *["save last.ckpt", "link last.ckpt epoch=0.ckpt"],
        *["link last.ckpt last.before", "save last.ckpt", "link last.ckpt epoch=1.ckpt", "remove epoch=0.ckpt"],
    ]
    assert names(tmp_path) == ["epoch=1.ckpt", "last.ckpt", "previous.ckpt"]


class Numbers(Callback):
    """Logs a metric that gets better."""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        pl_module.log("epoch_number", float(trainer.current_epoch))


class Validated(Callback):
    """Keeps the weights that are validated in each epoch, and after which batches."""

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, torch.Tensor]] = {}
        self.batches: list[int] = []

    def on_validation_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.weights[trainer.current_epoch] = {name: value.clone() for name, value in pl_module.state_dict().items()}
        self.batches.append(trainer.fit_loop.epoch_loop.batch_idx)


@pytest.mark.parametrize(("accumulated", "interval", "batches"), [(2, 3, [3]), (3, 1.0, [4]), (2, 1, [1, 3, 4])])
def test_what_is_kept_for_a_metric_are_the_weights_that_had_it(
    tmp_path: Path, accumulated: int, interval: float, batches: list[int]
) -> None:
    """A validation waits for the optimizer: in the middle of a step, the checkpoint would be of its end."""
    kept = checkpoint(tmp_path, save_top_k=-1, filename="{epoch}", enable_version_counter=False)
    seen = Validated()
    train(tmp_path, kept, seen, accumulate_grad_batches=accumulated, val_check_interval=interval)
    assert seen.batches == 2 * batches
    for epoch, weights in seen.weights.items():
        assert differences(weights, content(tmp_path / f"epoch={epoch}.ckpt")["state_dict"]) == []


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("every", [{"every_n_train_steps": 2}, {"train_time_interval": timedelta(0)}], ids=str)
def test_between_validations_the_last_alone_is_written(
    tmp_path: Path, noted: list[str], every: dict[str, Any], accumulated: int
) -> None:
    kept = checkpoint(tmp_path, save_top_k=-1, **every)
    seen = Validated()
    train(tmp_path, kept, seen, accumulate_grad_batches=accumulated, max_epochs=2)
    assert sorted(path.name for path in tmp_path.glob("epoch*")) == ["epoch=0.ckpt", "epoch=1.ckpt"]
    for epoch, weights in seen.weights.items():
        assert differences(weights, content(tmp_path / f"epoch={epoch}.ckpt")["state_dict"]) == []
    steps = 2 * -(-BATCHES // accumulated)
    due = {*range(2, steps, 2), steps // 2, steps} if "every_n_train_steps" in every else range(steps)
    assert noted.count("save last.ckpt") == len(due)


def test_without_a_metric_there_is_a_file_every_n_steps(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path, monitor=None, save_top_k=-1, every_n_train_steps=2, filename="{step}"))
    assert {step(path) for path in tmp_path.glob("step=*.ckpt")} == set(range(2, 1 + EPOCHS * BATCHES, 2))


RARE = [
    {},
    {"val_check_interval": 2},
    {"val_check_interval": 3, "check_val_every_n_epoch": None},
    {"check_val_every_n_epoch": 2},
]


@pytest.mark.parametrize("every", [None, 2], ids=["", "every 2 steps"])
@pytest.mark.parametrize("validations", RARE, ids=str)
def test_a_training_metric_is_that_of_the_epoch_whenever_validations_are(
    tmp_path: Path, validations: dict[str, Any], every: int | None
) -> None:
    named = {"filename": "{epoch} {train_loss:.9f}", "auto_insert_metric_name": False}
    kept = checkpoint(tmp_path, monitor="train_loss", save_top_k=-1, every_n_train_steps=every, **named)
    seen = Seen()
    train(tmp_path, kept, seen, max_epochs=4, **validations)
    expected = {f"{epoch} {metrics['train_loss']:.9f}.ckpt" for epoch, metrics in seen.metrics.items()}
    assert {path.name for path in tmp_path.glob("* *.ckpt")} == expected
    assert sorted(step(path) for path in tmp_path.glob("* *.ckpt")) == [BATCHES * n for n in range(1, 5)]


class Scores(Callback):
    """Logs a metric of validations that is best in the second one."""

    def __init__(self) -> None:
        self.scores = iter([0.1, 0.9, *[0.5] * 99])

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        pl_module.log("val_score", next(self.scores))


# Lightning takes 1, after each batch, for 1.0, after each epoch.
@pytest.mark.parametrize(("interval", "best"), [(1, 2), (2, 4), (timedelta(microseconds=1), 2)])
def test_each_validation_decides(tmp_path: Path, interval: int | timedelta, best: int) -> None:
    kept = checkpoint(tmp_path, monitor="val_score", mode="max", filename="{step}")
    train(tmp_path, kept, Scores(), val_check_interval=interval)
    assert Path(kept.best_model_path).name == f"step={best}.ckpt"


@pytest.mark.parametrize("monitor", ["val_loss", "train_loss"])
def test_an_epoch_that_max_steps_cuts_off_has_no_metric_to_be_kept_for(tmp_path: Path, monitor: str) -> None:
    train(tmp_path, checkpoint(tmp_path, monitor=monitor, save_top_k=-1), max_steps=BATCHES + 2)
    assert names(tmp_path) == ["epoch=0.ckpt", "last.ckpt", "previous.ckpt"]
    assert step(tmp_path / "last.ckpt") == BATCHES + 2


class Standing(Callback):
    """Logs the values of a metric that is worth the same in most epochs."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        pl_module.log("standing", self.values[trainer.current_epoch])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("top", "values", "kept", "best"),
    [
        (1, (3, 3, 3, 2), [2], 2),
        (1, (3, 4, 3, 3), [1], 1),
        (2, (3, 3, 3, 2), [1, 2], 2),
        (2, (4, 3, 3, 3), [0, 3], 0),
        (-1, (3, 2, 3, 2), [0, 1, 2, 3], 2),
        (4, (3, 2, 3, 2), [0, 1, 2, 3], 2),
    ],
)
def test_of_equal_ones_the_latest_are_kept_and_the_latest_is_the_best(
    tmp_path: Path, top: int, values: tuple[float, ...], kept: list[int], best: int, sign: int
) -> None:
    callback = checkpoint(tmp_path, monitor="standing", mode="max" if sign == 1 else "min", save_top_k=top)
    train(tmp_path, callback, Standing(*(sign * value for value in values)), max_epochs=len(values))
    assert [path.name for path in sorted(tmp_path.glob("epoch=*"))] == [f"epoch={epoch}.ckpt" for epoch in kept]
    assert Path(callback.best_model_path).name == f"epoch={best}.ckpt"
    assert callback.best_model_score == sign * values[best]
    assert state(tmp_path / "last.ckpt")["best_model_path"] == callback.best_model_path


def test_a_metric_that_is_no_number_replaces_nothing(tmp_path: Path) -> None:
    callback = checkpoint(tmp_path, monitor="standing", mode="max")
    train(tmp_path, callback, Standing(1, float("nan")), max_epochs=2)
    assert Path(callback.best_model_path).name == "epoch=0.ckpt"


def test_a_resumed_training_keeps_the_same_of_equal_ones(tmp_path: Path) -> None:
    values = (3, 3, 2, 3, 2)
    whole, first, resumed = (
        checkpoint(tmp_path / name, monitor="standing", mode="max", save_top_k=2) for name in "abb"
    )
    train(tmp_path / "a", whole, Standing(*values), max_epochs=5)
    train(tmp_path / "b", first, Standing(*values), max_epochs=2)
    train(tmp_path / "b", resumed, Standing(*values), max_epochs=5, resumed=tmp_path / "b" / "last.ckpt")
    assert names(tmp_path / "a") == names(tmp_path / "b")
    assert Path(whole.best_model_path).name == Path(resumed.best_model_path).name == "epoch=3.ckpt"


def test_a_resumed_training_knows_which_step_has_its_checkpoint(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path), max_epochs=1)
    resumed = checkpoint(tmp_path)
    resumed.load_state_dict(state(tmp_path / "last.ckpt"))
    assert resumed._last_global_step_saved == BATCHES


def test_names_of_one_state_share_one_file(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path), max_epochs=1)
    assert (tmp_path / "last.ckpt").samefile(tmp_path / "epoch=0.ckpt")


def refuse_link(*paths: Path) -> None:
    raise PermissionError("no hard links here")


def test_without_hard_links_they_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse_link)
    train(tmp_path, checkpoint(tmp_path))
    last = tmp_path / "last.ckpt"
    (best,) = tmp_path.glob("epoch=*.ckpt")
    assert not last.samefile(best)
    assert (step(tmp_path / "previous.ckpt"), step(last)) == (BATCHES, 2 * BATCHES)
    assert names(tmp_path) == sorted([best.name, "last.ckpt", "previous.ckpt"])


def test_state_of_a_file_names_what_is_not_yet_done(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path, monitor="epoch_number", mode="max"), Numbers())
    stored = state(tmp_path / "last.ckpt")
    assert [Path(path).name for path in stored["to_save"]] == ["last.ckpt", "epoch=1.ckpt"]
    assert [Path(path).name for path in stored["to_remove"]] == ["epoch=0.ckpt"]


# --- What a kill leaves is put right at the next start ---


@pytest.mark.parametrize("killed_before", ["link last.ckpt epoch=1.ckpt", "remove epoch=0.ckpt"])
def test_kill_between_two_writes(
    tmp_path: Path, noted: list[str], monkeypatch: pytest.MonkeyPatch, killed_before: str
) -> None:
    arguments = {"monitor": "epoch_number", "mode": "max"}
    link, remove = os.link, ModelCheckpoint._remove_checkpoint

    def kill_at_link(source: Path, path: Path) -> None:
        if killed_before.startswith("link") and Path(path).name == ".epoch=1.ckpt.part":
            raise StopError
        link(source, path)

    def kill_at_removal(*arguments: Any) -> None:
        if killed_before.startswith("remove"):
            raise StopError
        remove(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", kill_at_link)
        patch.setattr(ModelCheckpoint, "_remove_checkpoint", kill_at_removal)
        with pytest.raises(StopError):
            train(tmp_path, checkpoint(tmp_path, **arguments), Numbers(), max_epochs=3)
    assert "epoch=0.ckpt" in names(tmp_path)
    assert ("epoch=1.ckpt" in names(tmp_path)) == killed_before.startswith("remove")
    resumed = checkpoint(tmp_path, **arguments)
    with pytest.raises(StopError):
        train(tmp_path, resumed, Numbers(), Stopping(1), resumed=tmp_path / "last.ckpt", max_epochs=3)
    assert names(tmp_path) == ["epoch=1.ckpt", "last.ckpt", "previous.ckpt"]
    assert step(tmp_path / "epoch=1.ckpt") == 2 * BATCHES


def test_file_that_is_there_is_not_replaced_at_the_next_start(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path), max_epochs=1)
    before = (tmp_path / "epoch=0.ckpt").stat().st_ino
    with pytest.raises(StopError):
        train(tmp_path, checkpoint(tmp_path), Stopping(1), resumed=tmp_path / "last.ckpt")
    assert (tmp_path / "epoch=0.ckpt").stat().st_ino == before


# --- previous.ckpt ---


def test_previous_is_the_one_before_last(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        train(tmp_path, every_step(tmp_path), Stopping(3))
    assert (step(tmp_path / "previous.ckpt"), step(tmp_path / "last.ckpt")) == (2, 3)
    with pytest.raises(StopError):
        train(tmp_path, every_step(tmp_path), Stopping(1), resumed=tmp_path / "last.ckpt")
    assert (step(tmp_path / "previous.ckpt"), step(tmp_path / "last.ckpt")) == (3, 4)


def test_damaged_last_does_not_take_the_place_of_a_sound_previous(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        train(tmp_path, every_step(tmp_path), Stopping(3))
    (tmp_path / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(StopError):
        train(tmp_path, every_step(tmp_path), Stopping(1), resumed=tmp_path / "previous.ckpt")
    assert (step(tmp_path / "previous.ckpt"), step(tmp_path / "last.ckpt")) == (2, 3)


class FullDiskIO(DurableCheckpointIO):
    """Finds no space for the checkpoint after so many."""

    def __init__(self, checkpoints: int) -> None:
        self.left = checkpoints

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str, storage_options: Any | None = None) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().save_checkpoint(checkpoint, path, storage_options)


@pytest.mark.parametrize("has_links", [True, False])
def test_last_and_previous_are_two_files_after_a_write_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """Damage to the one leaves the other."""
    if not has_links:
        monkeypatch.setattr(os, "link", refuse_link)
    with pytest.raises(OSError, match="No space left on device"):
        train(tmp_path, every_step(tmp_path), plugins=[FullDiskIO(3)])
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    assert not last.samefile(previous)
    assert (step(previous), step(last)) == (2, 3)
    assert names(tmp_path) == ["last.ckpt", "previous.ckpt"]


def test_checkpoints_that_are_deleted_while_they_are_linked_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def delete(source: Path, path: Path) -> None:
        if Path(path).name == ".last.before.part":
            source.unlink()
        link(source, path)

    monkeypatch.setattr(os, "link", delete)
    train(tmp_path, checkpoint(tmp_path))
    assert step(tmp_path / "last.ckpt") == 2 * BATCHES
    assert not (tmp_path / "previous.ckpt").exists()


class SlowIO(TorchCheckpointIO):
    """Takes its time."""

    def save_checkpoint(self, *arguments: Any, **named: Any) -> None:
        time.sleep(0.1)
        super().save_checkpoint(*arguments, **named)


def test_what_is_written_in_the_background_is_no_second_name_of_what_was_there_before(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path, save_top_k=-1), plugins=[AsyncCheckpointIO(SlowIO())])
    assert [step(tmp_path / f"{name}.ckpt") for name in ("epoch=0", "epoch=1", "last")] == [5, 10, 10]


# --- When last.ckpt is written ---


def test_every_n_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: list[str]) -> None:
    """With steps of 40 seconds, each second one is over a minute."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    class Slow(Callback):
        def on_train_batch_end(self, *arguments: Any) -> None:
            clock[0] += 40

    kept = every_step(tmp_path, every_n_minutes=1, every_n_train_steps=None, save_last=None)
    train(tmp_path, kept, Slow(), max_epochs=1)
    assert noted == ["save last.ckpt", "link last.ckpt last.before", "save last.ckpt"]
    assert (step(tmp_path / "previous.ckpt"), step(tmp_path / "last.ckpt")) == (2, 4)


def test_minutes_wait_for_the_optimizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    class Late(Callback):
        def on_train_batch_end(
            self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            clock[0] += 61 * (batch_idx == 2)

    kept = every_step(tmp_path, every_n_minutes=1, every_n_train_steps=None, save_last=None)
    train(tmp_path, kept, Late(), max_epochs=1, accumulate_grad_batches=2)
    assert content(tmp_path / "last.ckpt")["training_state"]["position"]["batch"] == 4


@pytest.mark.parametrize("minutes", [0, -1.5])
def test_minutes_are_over_0(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(UserError, match=rf"checkpoint\.every_n_minutes must be over 0, got {minutes}\."):
        every_step(tmp_path, every_n_minutes=minutes)


def test_last_is_written_after_every_epoch_where_validations_are_fewer(tmp_path: Path, noted: list[str]) -> None:
    train(tmp_path, checkpoint(tmp_path), max_epochs=4, check_val_every_n_epoch=3)
    assert [what for what in noted if what.startswith("save")] == ["save last.ckpt"] * 4
    assert (step(tmp_path / "previous.ckpt"), step(tmp_path / "last.ckpt")) == (3 * BATCHES, 4 * BATCHES)


def test_last_is_written_after_every_validation_in_an_epoch(tmp_path: Path, noted: list[str]) -> None:
    train(tmp_path, checkpoint(tmp_path, save_top_k=0), max_epochs=1, val_check_interval=2)
    assert noted.count("save last.ckpt") == 3  # After batches 2 and 4, and the epoch.


def test_without_save_last_there_is_none(tmp_path: Path) -> None:
    train(tmp_path, checkpoint(tmp_path, save_last=None))
    (only,) = names(tmp_path)
    assert only.startswith("epoch=")
    assert "training_state" in content(tmp_path / only)


def test_trial_runs_write_nothing(tmp_path: Path) -> None:
    train(tmp_path / "none", checkpoint(tmp_path / "none"), fast_dev_run=2)
    assert not (tmp_path / "none").exists()


# --- Exceptions ---


def test_exception_writes_nothing_unasked(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        train(tmp_path, checkpoint(tmp_path), Stopping(2))
    assert names(tmp_path) == []


@pytest.mark.filterwarnings("ignore:.*ended before the epoch ended.*")
def test_save_on_exception(tmp_path: Path) -> None:
    kept = checkpoint(tmp_path, save_on_exception=True, filename="{step}")
    with pytest.raises(StopError):
        train(tmp_path, kept, Stopping(2))
    assert names(tmp_path) == ["last.ckpt", "step=2.ckpt"]
    assert step(tmp_path / "last.ckpt") == 2
    assert train(tmp_path, checkpoint(tmp_path), resumed=tmp_path / "last.ckpt")["epochs"] == 2


def test_what_was_due_in_an_exception_is_not_written(tmp_path: Path) -> None:
    """It was to hold the state after a validation, which is not that of the exception."""

    class Failing(Callback):
        def on_validation_end(self, *arguments: Any) -> None:
            raise StopError

    with pytest.raises(StopError):
        train(tmp_path, Failing(), checkpoint(tmp_path))
    assert names(tmp_path) == []


# --- Where it was kept ---


def test_runs_of_lightnings_class_go_on_with_what_they_kept(tmp_path: Path) -> None:
    theirs = ModelCheckpoint(tmp_path, "{epoch}", "val_loss", save_last=True, mode="min")
    train(tmp_path, theirs, max_epochs=1)
    ours = checkpoint(tmp_path)
    assert ours.state_key == theirs.state_key
    with pytest.raises(StopError):
        train(tmp_path, ours, Stopping(1), resumed=tmp_path / "last.ckpt")
    assert ours.best_model_path == theirs.best_model_path
    assert ours.best_k_models.keys() == theirs.best_k_models.keys()


@pytest.mark.parametrize("moved", [False, True])
def test_run_under_another_path_knows_what_it_kept(tmp_path: Path, moved: bool) -> None:
    first = checkpoint(Path("run"))
    first.dirpath = "run"
    train(Path("run"), first, max_epochs=1)
    folder = tmp_path / "run"
    if moved:
        folder = folder.rename(tmp_path / "moved")
    resumed = checkpoint(folder)
    train(folder, resumed, resumed=folder / "last.ckpt")
    assert sorted([*map(Path, resumed.best_k_models)]) == [*folder.glob("epoch=*")]
    assert Path(resumed.best_model_path).parent == folder
    assert (folder / "previous.ckpt").is_file()


def test_another_folder_begins_anew(tmp_path: Path) -> None:
    train(tmp_path / "one", checkpoint(tmp_path / "one"), max_epochs=1)
    other = checkpoint(tmp_path / "other")
    with pytest.warns(UserWarning, match="dirpath has changed"):
        train(tmp_path / "other", other, resumed=tmp_path / "one" / "last.ckpt")
    assert "epoch=0.ckpt" in names(tmp_path / "one")
    assert all(Path(path).parent == tmp_path / "other" for path in other.best_k_models)
