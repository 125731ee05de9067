import copy
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.strategies import FSDPStrategy
from tests.callbacks.observed import TRAIN, VAL, classifier
from tests.models.test_image_classifier import CLASSES, quiet_trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from litclassify.callbacks import EMA, LossGuard, ResumableCheckpoint
from litclassify.data import Digits
from litclassify.errors import UserError
from litclassify.models import ImageClassifier
from litclassify.networks import MLP


class PlantedLoss(nn.Module):
    """Cross-entropy, which is `value` at some of the training steps, from 0."""

    def __init__(self, *steps: int, value: float = math.nan) -> None:
        super().__init__()
        self.steps, self.value, self.seen = steps, value, 0

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = nn.functional.cross_entropy(logits, targets)
        if logits.requires_grad:
            loss = loss * (self.value if self.seen in self.steps else 1)
            self.seen += 1
        return loss


class Seen(Callback):
    """Keeps all training batches."""

    def __init__(self) -> None:
        self.batches: list[tuple[Tensor, Tensor]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.batches.append(batch)


class LateLossGuard(LossGuard):
    """Looks at losses as seldom as on a GPU."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._at_once = False


def fit(*callbacks: Callback, model: ImageClassifier, data: Any = TRAIN, **arguments: Any) -> Trainer:
    saves = any(isinstance(callback, ModelCheckpoint) for callback in callbacks)
    settings = {"max_epochs": 2, "log_every_n_steps": 2, "enable_checkpointing": saves, **arguments}
    trainer = quiet_trainer(**settings, callbacks=list(callbacks))
    trainer.fit(model, data, VAL)
    return trainer


def checkpoints(folder: Path, **arguments: Any) -> ModelCheckpoint:
    return ModelCheckpoint(folder, filename="{step}", **{"save_top_k": -1, **arguments})


# --- stop ---


def test_training_stops_at_the_first_bad_loss_and_names_its_images() -> None:
    data, seen = Digits(batch_size=256, train_transform=[]), Seen()
    model = ImageClassifier(
        partial(MLP, in_features=64), partial(torch.optim.SGD, lr=0.25), data.class_names, PlantedLoss(7)
    )
    trainer = quiet_trainer(max_epochs=3, callbacks=[LossGuard(), seen], limit_val_batches=0)
    with pytest.raises(UserError, match=r"is nan at step 7 \(epoch 1, batch 2\), of .* … \(256 images\)\.") as stopped:
        trainer.fit(model, datamodule=data)
    assert "learning rate: 0.25\nThere is no checkpoint yet" in str(stopped.value)
    assert "--trainer.gradient_clip_val 1" in str(stopped.value)
    assert len(seen.batches) == 8
    named = [int(index) for index in re.findall(r"'train/(\d+)'", str(stopped.value))]
    images = torch.stack([data.train_dataloader().dataset.read(index) for index in named])
    assert torch.equal(images, seen.batches[7][0][:5])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_whatever_is_not_finite_stops(value: float) -> None:
    with pytest.raises(UserError, match=f"is {value} at step 0"):
        fit(LossGuard(), model=classifier(criterion=PlantedLoss(0, value=value)))


def test_a_loader_without_names_stops_without_them() -> None:
    with pytest.raises(UserError, match=r"is nan at step 4 \(epoch 1, batch 1\)\.\n"):
        fit(LossGuard(), model=classifier(criterion=PlantedLoss(4)))


@pytest.mark.parametrize(("planted", "looked_at"), [(0, 2), (1, 2), (2, 3), (3, 4)])
def test_a_loss_that_is_looked_at_later_is_still_the_right_one(planted: int, looked_at: int) -> None:
    """Epochs have three steps, every second is logged, and the last of an epoch comes before its validation."""
    seen = Seen()
    with pytest.raises(UserError, match=f"is nan at step {planted} "):
        fit(LateLossGuard(), seen, model=classifier(criterion=PlantedLoss(planted, 5)))
    assert len(seen.batches) == looked_at


def test_no_checkpoint_is_written_after_a_bad_loss(tmp_path: Path) -> None:
    model = classifier(criterion=PlantedLoss(2))
    saving = checkpoints(tmp_path, every_n_train_steps=1, save_on_exception=True)
    with pytest.raises(UserError, match="is nan at step 2 ") as stopped:
        fit(LateLossGuard(), saving, model=model, log_every_n_steps=100, limit_val_batches=0)
    assert f"last good checkpoint: {tmp_path / 'step=2.ckpt'}\nGo on from it: fit --ckpt_path" in str(stopped.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step=1.ckpt", "step=2.ckpt"]


def test_no_weights_alone_are_written_after_a_bad_loss(tmp_path: Path) -> None:
    """Lightning asks callbacks about whole checkpoints only."""
    model = classifier(criterion=PlantedLoss(3))
    saving = weights_alone(tmp_path, every_n_train_steps=1)
    with pytest.raises(UserError, match="is nan at step 3 "):
        fit(LateLossGuard(), saving, model=model, log_every_n_steps=100, limit_val_batches=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step=1.ckpt", "step=2.ckpt", "step=3.ckpt"]


def weights_alone(folder: Path, **arguments: Any) -> ResumableCheckpoint:
    return ResumableCheckpoint(dirpath=folder, filename="{step}", save_top_k=-1, save_weights_only=True, **arguments)


class Spoiling(Callback):
    """Makes a weight infinite where the loss stays finite."""

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        if trainer.global_step == 3:
            pl_module.network[0].bias.data[0] = -math.inf


class DeadNetwork(nn.Sequential):
    """A network whose first layer changes nothing."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, num_classes))


@pytest.mark.parametrize("make", [checkpoints, weights_alone])
def test_spoiled_weights_do_not_become_a_checkpoint(tmp_path: Path, make: Callable[..., ModelCheckpoint]) -> None:
    saving = make(tmp_path, every_n_epochs=1)
    with pytest.raises(UserError, match=r"not finite any more, though the loss is: network\.0\.bias\."):
        fit(LossGuard(), Spoiling(), saving, model=classifier(network=DeadNetwork))
    assert [path.name for path in tmp_path.iterdir()] == ["step=3.ckpt"]


def test_weights_that_are_spoiled_from_the_start_are_refused() -> None:
    model = classifier()
    model.network[1].running_var[0] = math.nan
    with pytest.raises(UserError, match=r"not finite before the first step: network\.1\.running_var\.\nmodel.network"):
        fit(LossGuard(), model=model)


def test_losses_that_jump_up_are_a_warning() -> None:
    class Jumping(PlantedLoss):
        def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
            return super().forward(logits, targets) * (1 if self.seen < 150 else 100)

    for guard, accumulated in ((LossGuard(), 1), (LateLossGuard(), 2)):
        model = classifier(network=DeadNetwork, criterion=Jumping())
        with pytest.warns(UserWarning, match=r"has jumped: over the last 5 steps, up to step .*mean was [01]\.\d+\."):
            fit(guard, model=model, max_epochs=60, limit_val_batches=0, accumulate_grad_batches=accumulated)
    quiet = LossGuard(warn_of_spikes=False)
    fit(quiet, model=classifier(network=DeadNetwork, criterion=Jumping()), max_epochs=60, limit_val_batches=0)


# --- skip ---

GENERATOR = torch.Generator().manual_seed(0)
PIXELS = torch.rand(20, 1, 8, 8, generator=GENERATOR)
PIXELS[9, 0, 0, 0] = math.nan
SPOILED = DataLoader(TensorDataset(PIXELS, torch.arange(20) % 3), batch_size=4)


class NormalisedNetwork(nn.Sequential):
    """A network whose statistics an image that is not finite would spoil."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, num_classes))


def by_hand(model: ImageClassifier, accumulated: int, scheduled: Callable[[int], float]) -> tuple[Any, list[float]]:
    """Train two epochs, without the steps of which a batch is not finite; give network, optimizer and losses."""
    network = copy.deepcopy(model.network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, scheduled)
    losses = []
    for _ in range(2):
        batches = list(SPOILED)
        for first in range(0, len(batches), accumulated):
            window = batches[first : first + accumulated]
            optimizer.zero_grad()
            for images, targets in window:
                if images.isfinite().all():
                    loss = nn.functional.cross_entropy(network(images), targets)
                    (loss / accumulated).backward()
                    losses.append(loss.item())
            if all(images.isfinite().all() for images, _ in window):
                optimizer.step()
            schedule.step()
    return (network, optimizer), losses[-4:]


@pytest.mark.filterwarnings("ignore:Left out")
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("precision", ["32", "16"])
def test_a_bad_batch_is_left_out_as_if_it_had_not_been(accumulated: int, precision: str) -> None:
    seed_everything(0, verbose=False)

    def halving(step: int) -> float:
        return 0.5**step

    model = ImageClassifier(
        NormalisedNetwork,
        partial(torch.optim.SGD, lr=0.1, momentum=0.9, fused=False),
        CLASSES,
        lr_scheduler=partial(torch.optim.lr_scheduler.LambdaLR, lr_lambda=halving),
        lr_interval="step",
    )
    (network, optimizer), losses = by_hand(model, accumulated, halving)
    guard = LossGuard("skip")
    plugins = [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", 2.0**10))] if precision == "16" else []
    trainer = fit(guard, model=model, data=SPOILED, accumulate_grad_batches=accumulated, plugins=plugins)
    assert [(bad.epoch, bad.batch) for bad in guard.left_out] == [(0, 2), (1, 2)]
    assert [bad.step for bad in guard.left_out] == ([2, 7] if accumulated == 1 else [1, 4])
    exact = {"rtol": 0, "atol": 0} if precision == "32" else {"rtol": 0.02, "atol": 0.02}
    torch.testing.assert_close(dict(model.network.state_dict()), dict(network.state_dict()), **exact)
    ours, expected = trainer.optimizers[0].state_dict(), optimizer.state_dict()
    torch.testing.assert_close(ours["state"], expected["state"], **exact)
    assert ours["param_groups"][0]["lr"] == expected["param_groups"][0]["lr"]
    rounding = 1e-6 if precision == "32" else 0.1
    assert trainer.callback_metrics["train_loss"].item() == pytest.approx(sum(losses) / 4, rel=rounding)


@pytest.mark.filterwarnings("ignore:Left out .1 of")
def test_what_is_left_out_is_listed_up_to_a_limit() -> None:
    guard = LossGuard("skip", limit=2)
    model = classifier(criterion=PlantedLoss(1, 2, 4))
    with (
        pytest.warns(UserWarning, match=r"Left out \(2 of at most 2\): the training loss is nan at step 2 \(epoch 0"),
        pytest.raises(UserError, match=r"stopped after 2 batches that were left out: .* nan at step 4 \(epoch 1"),
    ):
        fit(guard, model=model)
    assert [bad.step for bad in guard.left_out] == [1, 2]


def test_spoiled_weights_are_not_skipped_for_ever() -> None:
    class SpoilingLate(Callback):
        def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
            pl_module.network[5].bias.data[0] = math.nan

    with pytest.raises(UserError, match=r"step 1 .*\nAn earlier step has spoiled the weights: network\.5\.bias"):
        fit(LossGuard("skip"), SpoilingLate(), model=classifier())


# --- roll_back ---


@pytest.mark.filterwarnings("ignore:Left out")
def test_rolled_back_weights_and_momentum_are_those_of_the_newest_checkpoint(tmp_path: Path) -> None:
    """Of steps 0 to 5, the checkpoint comes after 1 and after 3; 4 is bad, and 5 goes on from the checkpoint."""
    halving = partial(torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda step: 0.5**step)
    optimizer = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
    model = classifier(network=DeadNetwork, criterion=PlantedLoss(3), lr_scheduler=halving, lr_interval="step")
    network = copy.deepcopy(model.network)
    guard, saving = LossGuard("roll_back"), checkpoints(tmp_path, every_n_train_steps=2)
    fit(guard, saving, model=model, limit_val_batches=0)
    assert [bad.step for bad in guard.left_out] == [3]

    reference = optimizer(network.parameters())
    batches = list(TRAIN) * 2
    for step, (images, targets) in enumerate(batches):
        reference.param_groups[0]["lr"] = 0.1 * 0.5**step
        if step in (2, 3):  # The one is rolled back, the other left out.
            continue
        reference.zero_grad()
        nn.functional.cross_entropy(network(images / 255), targets).backward()
        reference.step()
    torch.testing.assert_close(dict(model.network.state_dict()), dict(network.state_dict()))


@pytest.mark.filterwarnings("ignore:Left out")
def test_without_a_checkpoint_yet_there_is_nothing_to_roll_back_to(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nan at step 1 .*; there is nothing to roll back to"):
        fit(LossGuard("roll_back"), checkpoints(tmp_path), model=classifier(criterion=PlantedLoss(1)))


# --- refused ---


def test_a_policy_that_cannot_be_kept_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="limit must be at least 1, got 0"):
        LossGuard("skip", limit=0)
    with pytest.raises(UserError, match="roll_back needs checkpoints"):
        fit(LossGuard("roll_back"), model=classifier())
    with pytest.raises(UserError, match="which checkpoint.save_weights_only leaves out"):
        fit(LossGuard("roll_back"), weights_alone(tmp_path), model=classifier())
    with pytest.raises(UserError, match="cannot take back what EMA has averaged"):
        fit(LossGuard("roll_back"), EMA(), checkpoints(tmp_path), model=classifier())
    sharded: Any = SimpleNamespace(strategy=FSDPStrategy())
    with pytest.raises(UserError, match="policy skip needs all weights in each process"):
        LossGuard("skip").setup(sharded, classifier(), "fit")
