import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.profilers import SimpleProfiler
from tests.callbacks.observed import IMAGES, TARGETS, classifier, events, train
from tests.models.test_image_classifier import quiet_trainer
from torch.utils.data import DataLoader, Dataset

from litclassify.callbacks import SpeedMonitor
from litclassify.callbacks.tensorboard import speed_monitor


class SlowImages(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(0.005)
        return IMAGES[index], TARGETS[index]


class SlowStep(Callback):
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        time.sleep(0.12)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        time.sleep(0.5)


@pytest.mark.slow
def test_images_and_waiting_are_those_of_the_interval(tmp_path: Path) -> None:
    """A batch of 8 images takes 40 ms to load and 120 ms to train on."""
    data = DataLoader(SlowImages(), batch_size=8)
    logger = TensorBoardLogger(tmp_path, name="", version="")
    trainer = quiet_trainer(
        logger=logger, max_epochs=2, log_every_n_steps=3, callbacks=[SlowStep(), SpeedMonitor()], limit_val_batches=1
    )
    trainer.fit(classifier(), data, data)
    found = events(tmp_path)
    for point in found.Scalars("images_per_second"):
        assert 8 / 0.16 * 0.4 < point.value <= 8 / 0.16
    for point in found.Scalars("data_wait_share"):
        assert 0.15 < point.value < 0.45
    assert [point.step for point in found.Scalars("data_wait_share")] == [2, 5]


@pytest.mark.parametrize(("interval_s", "steps"), [(0.0, [1, 2, 3, 5]), (60.0, [2, 5])])
def test_points_are_those_of_the_trainer_some_time_apart_and_of_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval_s: float, steps: list[int]
) -> None:
    monkeypatch.setattr(speed_monitor, "MIN_INTERVAL_S", interval_s)
    train(tmp_path, SpeedMonitor(), log_every_n_steps=2)
    found = events(tmp_path)
    assert [point.step for point in found.Scalars("images_per_second")] == steps


def test_the_profiler_of_the_user_still_measures(tmp_path: Path) -> None:
    profiler = SimpleProfiler()
    outcome = train(tmp_path, SpeedMonitor(), profiler=profiler)
    assert outcome["trainer"].profiler is profiler
    (fetches,) = (
        times for name, times in profiler.recorded_durations.items() if name.endswith("train_dataloader_next")
    )
    assert len(fetches) >= 6
