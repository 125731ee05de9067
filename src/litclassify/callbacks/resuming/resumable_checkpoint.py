"""Checkpoints from which a training goes on exactly."""

import os
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import AsyncCheckpointIO
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from litclassify.callbacks.guarding.loss_guard import LossGuard
from litclassify.callbacks.resuming import position_of
from litclassify.callbacks.resuming.metric_names import is_of_training_epoch, is_of_validation
from litclassify.errors import UserError
from litclassify.files.durable_files import link, sync
from litclassify.files.log_files import log_files
from litclassify.lightning_state import epoch_is_whole

PREVIOUS = "previous.ckpt"
PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class ResumableCheckpoint(ModelCheckpoint):
    """Lightning's `ModelCheckpoint`, whose files are written between two steps, when all of the one before is done.

    So a training can go on from each of them, exactly. What is due in the middle of a step or of a validation is
    written before the next step begins, or when training ends; a file that a better one replaces is deleted after that.
    With `save_last`, `last.ckpt` is written after every epoch and every validation; `previous.ckpt` is the one before
    it, should that be damaged. Of names for the same state, the second is a hard link.

    What is kept for a metric of validations (`val_…`) is decided by each of them, and for one of training (`train_…`)
    at the end of each whole epoch. Between two, `every_n_train_steps` and `train_time_interval` write `last.ckpt`
    alone: other weights have no value of the metric yet.

    Of checkpoints with equal values of the monitored metric, the latest is the best. With few validation images the
    metric stands still long before the loss does, and a schedule that anneals has done the rest by the latest. So
    `save_top_k` keeps the latest of ties, too.

    Args:
        every_n_minutes: Write `last.ckpt` each time so many minutes have passed, too. Null does not.
        **kwargs: Arguments of `ModelCheckpoint`.
    """

    def __init__(self, every_n_minutes: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if every_n_minutes is not None and every_n_minutes <= 0:
            raise UserError(f"checkpoint.every_n_minutes must be over 0, got {every_n_minutes}.")
        self.every_n_minutes = every_n_minutes
        if self._waits_for_its_metric:
            self._every_n_epochs = self._every_n_epochs or 1  # Lightning leaves them to the steps that are asked for.
        is_idle = not self._every_n_train_steps and self._train_time_interval is None
        if is_idle and type(self).on_train_batch_end is ResumableCheckpoint.on_train_batch_end:
            self.on_train_batch_end = None  # type: ignore[method-assign,assignment] # Lightning passes over it.
        self._to_save: list[str] = []
        self._to_remove: list[str] = []
        self._last_step_due = 0

    def state_dict(self) -> dict[str, Any]:
        """Give Lightning's state, and which files there shall be with it, and which no more."""
        return {
            **super().state_dict(),
            "to_save": list(self._to_save),
            "to_remove": list(self._to_remove),
            "last_global_step_saved": self._last_global_step_saved,
            "last_step_due": self._last_step_due,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a state, of Lightning's class too."""
        state_dict = self._placed(state_dict)
        super().load_state_dict(state_dict)
        if self.dirpath == state_dict.get("dirpath"):
            self.current_score = state_dict.get("current_score")  # Which Lightning saves, and forgets to load.
            self._to_save = list(state_dict.get("to_save", []))
            self._to_remove = list(state_dict.get("to_remove", []))
            # By which Lightning knows that a step has its checkpoint, in the batches until the next step, too.
            self._last_global_step_saved = state_dict.get("last_global_step_saved", self._last_global_step_saved)
            self._last_step_due = state_dict.get("last_step_due", 0)

    def _placed(self, state: dict[str, Any]) -> dict[str, Any]:
        """Give a state with the paths by which its files are found now: of a run that was moved, or is named anew."""
        recorded, folder = state.get("dirpath"), self.dirpath
        if recorded is None or folder is None or recorded == folder:
            return state

        def place(path: str) -> str:
            return os.path.join(folder, os.path.relpath(path, recorded)) if path else ""

        found = {name: place(state.get(name, "")) for name in PATHS}
        scores = {place(path): score for path, score in state.get("best_k_models", {}).items()}
        if not any(map(os.path.isfile, [*found.values(), *scores])):
            return state  # Training goes on in another run.
        lists = {name: [place(path) for path in state.get(name, ())] for name in ("to_save", "to_remove")}
        return {**state, **found, **lists, "best_k_models": scores, "dirpath": folder}

    @cached_property
    def state_key(self) -> str:  # Lightning composes it anew, twice in each step.
        """That of Lightning's class: its checkpoints can be resumed, and its tools read ours."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether a value is among the best, also where it equals the worst of them, whose oldest it replaces."""
        if super().check_monitor_top_k(trainer, current):
            return True
        is_tie = current is not None and bool(current == self.best_k_models.get(self.kth_best_model_path))
        return bool(trainer.strategy.reduce_boolean_decision(is_tie))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count the minutes, and end what a process that was killed had begun."""
        super().on_train_start(trainer, pl_module)
        self._last_written = time.monotonic()
        # It is damaged where training goes on from another one.
        self._last_is_sound = str(trainer.ckpt_path) == self.last_model_path
        unsaved, self._to_save = [path for path in self._to_save if not Path(path).exists()], []
        for path in unsaved:
            self._link(trainer, str(trainer.ckpt_path), path)
        self._remove(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Write what is due, unless gradients wait for the optimizer."""
        if self.every_n_minutes is not None and self._minutes_are_over(trainer):
            self._ask_for_last(trainer)
        if self._to_save and position_of(trainer) is not None:
            self._write(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ask for what is due after so many steps, or so much time."""
        if not self._waits_for_its_metric:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        elif self.save_last and (self._steps_are_over(trainer) or self._interval_is_over(trainer)):
            self._ask_for_last(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Decide what is kept for its metric."""
        super().on_validation_end(trainer, pl_module)
        if self.save_last and trainer.global_step > 0:
            self._ask_for_last(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Decide likewise, for a metric of training, or where there is no validation."""
        if not self._has_no_metric_yet(trainer):
            super().on_train_epoch_end(trainer, pl_module)
        if self.save_last:
            self._ask_for_last(trainer)

    def _has_no_metric_yet(self, trainer: Trainer) -> bool:
        """Whether an epoch has ended in its middle, before its validation or with training metrics of a part of it.

        `max_steps` ends one so; who stops a training otherwise validates it.
        """
        if epoch_is_whole(trainer):
            return False
        monitor = str(self.monitor)
        return is_of_training_epoch(monitor) or (is_of_validation(monitor) and not trainer.should_stop)

    def _should_save_on_train_epoch_end(self, trainer: Trainer) -> bool:
        """Say when to decide: Lightning goes by when validations are, whatever the metric.

        And it takes `val_check_interval` 1, a validation after each batch, for 1.0, one after each epoch.
        """
        if self._save_on_train_epoch_end is None:
            if is_of_training_epoch(str(self.monitor)):
                return True
            interval = getattr(trainer, "val_check_interval", None)  # There is none where it is a time.
            if isinstance(interval, int) and sum(trainer.num_val_batches) > 0:
                return False
        return super()._should_save_on_train_epoch_end(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what is due."""
        if self._to_save:
            self._write(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the state in which an exception came, if that is asked for; what else was due is lost."""
        if self._to_save:
            self._last_global_step_saved = -1
        self._to_save.clear()
        self._to_remove.clear()
        super().on_exception(trainer, pl_module, exception)
        if self._to_save:
            self._write(trainer)

    def save_last_now(self, trainer: Trainer) -> str:
        """Write `last.ckpt`, and all that is due; give its path."""
        self._ask_for_last(trainer)
        self._write(trainer)
        return self.last_model_path

    @property
    def _waits_for_its_metric(self) -> bool:
        return is_of_validation(str(self.monitor)) or is_of_training_epoch(str(self.monitor))

    def _steps_are_over(self, trainer: Trainer) -> bool:
        step = trainer.global_step  # The same in all batches that it accumulates.
        if not self._every_n_train_steps or step % self._every_n_train_steps or step == self._last_step_due:
            return False
        self._last_step_due = step
        return True

    def _interval_is_over(self, trainer: Trainer) -> bool:
        if self._train_time_interval is None:
            return False
        is_over = time.monotonic() - self._last_written >= self._train_time_interval.total_seconds()
        return bool(trainer.strategy.broadcast(is_over))

    def _minutes_are_over(self, trainer: Trainer) -> bool:
        assert self.every_n_minutes is not None
        are_over = time.monotonic() - self._last_written >= 60 * self.every_n_minutes
        return bool(trainer.strategy.broadcast(are_over))  # Clocks differ, and all processes have to take part.

    def _ask_for_last(self, trainer: Trainer) -> None:
        trial = trainer.fast_dev_run  # type: ignore[attr-defined] # set by Lightning's setup
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking and not trial:
            self.last_model_path = self.format_checkpoint_name(
                self._monitor_candidates(trainer), self.CHECKPOINT_NAME_LAST
            )
            self._save_once(self.last_model_path)

    def _save_once(self, path: str) -> None:
        if path not in self._to_save:
            self._to_save.append(path)

    # --- What Lightning's class does at once ---

    def _save_last_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        if self.save_last:
            self._ask_for_last(trainer)

    def _update_best_and_save(self, current: Tensor, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        super()._update_best_and_save(current, trainer, monitor_candidates)
        ties = [path for path, score in self.best_k_models.items() if score == self.best_model_score]
        self.best_model_path = ties[-1]  # They are in the order in which they came. Lightning takes the first.

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        self._save_once(filepath)
        self._last_global_step_saved = trainer.global_step
        self._last_checkpoint_saved = filepath

    def _remove_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        self._to_remove.append(filepath)

    def _write(self, trainer: Trainer) -> None:
        """Write what is due: first the file to go on from, which says what else there shall be and what shall not."""
        self._write_logs(trainer)
        last, self._to_save = self.last_model_path, sorted(self._to_save, key=lambda path: path != self.last_model_path)
        written = ""
        for path in self._to_save:
            if path == last:
                self._write_last(trainer)
            elif not self._link(trainer, written, path):
                self._save(trainer, path)
            # What is written in the background is not there yet to have a second name.
            written = "" if isinstance(trainer.strategy.checkpoint_io, AsyncCheckpointIO) else path
        self._to_save = []
        self._remove(trainer)
        for logger in trainer.loggers:
            logger.after_save_checkpoint(self)

    @staticmethod
    def _write_logs(trainer: Trainer) -> None:
        """Bring what is logged up to here to the disk: a training that goes on from here does not log it again."""
        for logger in trainer.loggers:
            logger.save()
        if trainer.is_global_zero:
            folders = {Path(logger.log_dir) for logger in trainer.loggers if logger.log_dir is not None}
            sync(file for folder in folders for file in log_files(folder))

    def _write_last(self, trainer: Trainer) -> None:
        """Write `last.ckpt`; the one before it becomes `previous.ckpt` after that.

        So both are files of their own at any time, also if writing fails: damage to one leaves the other.
        """
        last = Path(self.last_model_path)
        before = last.with_suffix(".before")
        keeps = self._last_is_sound and self._link(trainer, str(last), str(before)) and trainer.is_global_zero
        try:
            self._save(trainer, str(last))
            if keeps:
                with suppress(FileNotFoundError):
                    before.replace(last.with_name(PREVIOUS))
        finally:
            if keeps:
                before.unlink(missing_ok=True)
        self._last_is_sound = True
        self._last_written = time.monotonic()

    def _save(self, trainer: Trainer, path: str) -> None:
        if self.save_weights_only:  # Lightning asks no callback about weights alone.
            for guard in trainer.callbacks:  # type: ignore[attr-defined] # set by Lightning's callback connector
                if isinstance(guard, LossGuard):
                    guard.refuse_spoiled_weights(trainer, trainer.lightning_module)
        trainer.save_checkpoint(path, self.save_weights_only)

    def _remove(self, trainer: Trainer) -> None:
        for path in self._to_remove:
            if Path(path).parent == Path(self.dirpath or ""):  # A checkpoint of somebody else may list anything.
                super()._remove_checkpoint(trainer, path)
        self._to_remove = []

    @staticmethod
    def _link(trainer: Trainer, source: str, path: str) -> bool:
        """Give a file a second name, where that is possible; all processes know whether it was."""
        linked = False
        if trainer.is_global_zero and Path(source).is_file():
            with suppress(FileNotFoundError):  # Who deletes checkpoints meanwhile does not miss them.
                link(Path(source), Path(path))
                linked = True
        return bool(trainer.strategy.broadcast(linked))


def first_resumable(trainer: Trainer) -> ResumableCheckpoint | None:
    """Give the callback that keeps `last.ckpt`; None if there is none."""
    found = (callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ResumableCheckpoint))
    return next(found, None)
