"""Signals that end a training, which can go on later."""

import math
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.callbacks.resuming import position_of
from litclassify.callbacks.resuming.resumable_checkpoint import first_resumable
from litclassify.errors import InterruptedBySignal

# Ctrl-C, what ends a job, and what SLURM sends a while before that (--signal=USR1@120).
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
# Who passes on a signal that all processes have got from a terminal or a scheduler sends it again: `timeout`, for one.
SAME_S = 0.5


class Interruption(Callback):
    """Finishes the step on SIGINT, SIGTERM or SIGUSR1, saves `last.ckpt` and leaves; a second signal leaves at once.

    Signals within half a second are one.

    With gradient accumulation, the step ends with its last batch; a validation that runs is brought to its end. Of
    several processes, one that gets a signal is enough.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._received_s = -math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for signals; when training has ended, Lightning puts back what was there before."""
        connector = trainer._signal_connector
        # One that came before, Lightning would answer with an exception after the first step.
        self._received = signal.SIGTERM if connector.received_sigterm else None
        connector.received_sigterm = False
        if threading.current_thread() is not threading.main_thread():
            return  # Python leaves signals to the main thread.
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._received is not None:
            if now - self._received_s > SAME_S:
                raise InterruptedBySignal(number)
            return
        self._received, self._received_s = number, now
        # A print in a handler can meet another one halfway.
        os.write(2, f"\n{signal.Signals(number).name}: saving after this step. Once more leaves now.\n".encode())

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Leave, if a signal came."""
        if not self._came(trainer) or position_of(trainer) is None:
            return
        checkpoint = first_resumable(trainer)
        if checkpoint is not None:
            checkpoint.save_last_now(trainer)
        self._leave(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave before what follows training, which has saved its end."""
        if self._came(trainer):
            self._leave(trainer)

    def _came(self, trainer: Trainer) -> bool:
        came = self._received is not None
        if trainer.world_size == 1:
            return came
        return bool(trainer.strategy.reduce_boolean_decision(came, all=False))

    def _leave(self, trainer: Trainer) -> None:
        checkpoint = first_resumable(trainer)
        saved = "" if checkpoint is None else checkpoint.last_model_path
        # After the training, one that is still on its way would end the process before it says what it has saved.
        time.sleep(max(0.0, self._received_s + SAME_S - time.monotonic()))
        raise InterruptedBySignal(self._received or signal.SIGTERM, saved)
