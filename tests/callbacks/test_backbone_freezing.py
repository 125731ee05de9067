"""What is trained in which epoch."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import FSDPStrategy
from tests import compiled_passes
from tests.conftest import SMALL, every
from tests.models.test_image_classifier import classifier, loader, quiet_trainer
from torch import Tensor, nn

from litclassify.callbacks import BackboneFreezing
from litclassify.callbacks.backbone_freezing import num_frozen_stages
from litclassify.callbacks.resuming import interruption
from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.models import ImageClassifier
from litclassify.networks import MLP, Network
from litclassify.optim import ParameterGroups

THREE_LAYERS = partial(MLP, in_features=3, hidden_features=[5, 4])
LAYERS = ("layers.1", "layers.4", "layers.7")


class Normalised(Network):
    """Three layers with batch normalisation, one of them without parameters, and a parameter that is never trained."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.first = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
        self.second = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, affine=False))
        self.fixed = nn.Parameter(torch.ones(4), requires_grad=False)
        self.head = nn.Linear(4, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.second(self.first(self.flatten(images))) * self.fixed)


class Recorder(Callback):
    """Keep the state of the network and what of it needs a gradient, at the end of each epoch."""

    def __init__(self) -> None:
        self.trained: list[set[str]] = []
        self.states: list[dict[str, Tensor]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        network = pl_module.network
        self.trained.append({name for name, parameter in network.named_parameters() if parameter.requires_grad})
        self.states.append({name: value.clone() for name, value in network.state_dict().items()})

    def changed(self, epoch: int) -> set[str]:
        """Names of all tensors that an epoch, from 1, has changed."""
        before, after = self.states[epoch - 1 : epoch + 1]
        return {name for name in after if not torch.equal(before[name], after[name])}


def record(callback: BackboneFreezing, max_epochs: int = 5, **arguments: object) -> Recorder:
    recorder = Recorder()
    torch.manual_seed(0)  # With some weights a unit is dead, and an epoch leaves its bias as it was.
    model = classifier(
        **{
            "network": THREE_LAYERS,
            "optimizer": partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.1),
            **arguments,
        }
    )
    trainer = quiet_trainer(max_epochs=max_epochs, callbacks=[callback, recorder])
    trainer.fit(model, loader(12, 4), loader(4, 4))
    return recorder


def names(*layers: str) -> set[str]:
    return {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}


@pytest.mark.parametrize(
    ("freeze_epochs", "every", "expected"),
    [
        (2, None, [3, 3, 0, 0, 0, 0, 0]),
        (None, None, [3] * 7),
        (1, 1, [3, 2, 1, 0, 0, 0, 0]),
        (1, 2, [3, 2, 2, 1, 1, 0, 0]),
        (0, 1, [2, 1, 0, 0, 0, 0, 0]),
        (3, 3, [3, 3, 3, 2, 2, 2, 1]),
    ],
)
def test_stages_are_unfrozen_from_the_head_down(
    freeze_epochs: int | None, every: int | None, expected: list[int]
) -> None:
    assert [num_frozen_stages(epoch, 3, freeze_epochs, every) for epoch in range(7)] == expected


@pytest.mark.parametrize("groups", [None, ParameterGroups(layer_decay=0.5)])
def test_what_is_frozen_stays_as_it_is_in_spite_of_weight_decay_and_momentum(groups: ParameterGroups | None) -> None:
    recorder = record(BackboneFreezing(2), parameter_groups=groups)
    head, everything = names(LAYERS[-1]), names(*LAYERS)
    assert recorder.trained == [head, head, everything, everything, everything]
    assert recorder.changed(1) == head
    assert recorder.changed(2) == everything


def test_stages_follow_one_another() -> None:
    recorder = record(BackboneFreezing(1, unfreeze_every_n_epochs=2))
    assert recorder.trained == [names(*LAYERS[2:])] + [names(*LAYERS[1:])] * 2 + [names(*LAYERS)] * 2
    assert recorder.changed(2) == names(*LAYERS[1:])


@pytest.mark.slow
def test_a_compiled_network_is_trained_alike_and_stays_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = compiled_passes.noted(monkeypatch)

    def trained(is_compiled: bool) -> dict[str, Tensor]:
        torch.manual_seed(0)
        model = classifier(network=partial(MLP, in_features=3, hidden_features=[9] * 4), compile=is_compiled)
        trainer = quiet_trainer(max_epochs=5, callbacks=[BackboneFreezing(1, 1)], num_sanity_val_steps=0)
        trainer.fit(model, loader(8, 4), loader(4, 4))
        return model.network.state_dict()

    torch.testing.assert_close(trained(True), trained(False))
    assert len(passes) == 5 * (2 + 1)  # Batches of training and of validation in an epoch.


def test_null_never_unfreezes() -> None:
    assert record(BackboneFreezing(None)).trained == [names(LAYERS[-1])] * 5


def test_batch_normalisation_is_frozen_with_its_stage() -> None:
    recorder = record(BackboneFreezing(2, 1), max_epochs=4, network=Normalised)
    first, second = ({f"{name}.1.{key}" for key in ("running_mean", "running_var")} for name in ("first", "second"))
    statistics = [{name for name in recorder.changed(epoch) if "running" in name} for epoch in (1, 2, 3)]
    assert statistics == [set(), second, first | second]


def test_frozen_batch_normalisation_goes_by_its_running_statistics() -> None:
    torch.manual_seed(0)
    by_hand = Normalised(3).requires_grad_(False).eval()
    by_hand.head.requires_grad_(True)
    optimizer = torch.optim.SGD(by_hand.head.parameters(), lr=0.1)
    for images, targets in list(loader(12, 4)) * 2:
        optimizer.zero_grad()
        nn.functional.cross_entropy(by_hand(images / 255), targets).backward()
        optimizer.step()
    optimizer = partial(torch.optim.SGD, lr=0.1)
    recorder = record(BackboneFreezing(None), max_epochs=2, network=Normalised, optimizer=optimizer)
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(recorder.states[-1][name], value)


def test_what_the_network_froze_itself_stays_frozen_and_all_else_is_given_back() -> None:
    model = classifier(network=Normalised)
    quiet_trainer(max_epochs=2, callbacks=[BackboneFreezing(None)]).fit(model, loader(12, 4), loader(4, 4))
    assert [name for name, parameter in model.network.named_parameters() if not parameter.requires_grad] == ["fixed"]
    assert all(module.training for module in model.network.modules())


FREEZING = ["--trainer.callbacks+=BackboneFreezing", "--trainer.callbacks.freeze_epochs=2"]


def last_weights() -> dict[str, Tensor]:
    (path,) = Path("runs").glob("*/*/checkpoints/last.ckpt")
    return torch.load(path, weights_only=True)["state_dict"]


def stop_after(steps: int, run: Callable[[], object]) -> None:
    """Run a training, and send it a signal in a step."""
    calls, step = [], ImageClassifier.training_step

    def send(self: ImageClassifier, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interruption, "SAME_S", 0.0)
        patch.setattr(ImageClassifier, "training_step", send)
        with pytest.raises(SystemExit):
            run()


@pytest.mark.parametrize(
    "gradual", [[], ["--trainer.callbacks.unfreeze_every_n_epochs=1"]], ids=["at_once", "by_stage"]
)
@pytest.mark.parametrize("steps", every(3, [6, 3, 9]))  # Of 3 an epoch: at, before and after unfreezing.
def test_a_resumed_run_ends_as_one_that_never_stopped(
    fit: Callable[..., Path], tmp_path: Path, gradual: list[str], steps: int
) -> None:
    words = [*FREEZING, *gradual, "--data.batch_size", "512", "--model.network.hidden_features", "[9, 8]"]
    words += ["--trainer.max_epochs", "5", "--early_stopping", "null"]
    fit(*words)
    expected = last_weights()
    (tmp_path / "runs").rename("whole")
    stop_after(steps, lambda: fit(*words))
    main(["fit", "--ckpt_path", "last", "--trainer.enable_progress_bar", "false"])
    for name, value in last_weights().items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.parametrize(("steps", "trained"), [(4, False), (7, True)])  # Of 3 an epoch, the first 6 frozen.
def test_a_run_resumed_within_an_epoch_freezes_as_in_that_epoch(
    fit: Callable[..., Path], steps: int, trained: bool
) -> None:
    words = [*FREEZING, "--data.batch_size", "512", "--trainer.max_epochs", "5"]
    stop_after(steps, lambda: fit(*words))
    before = last_weights()["network.layers.1.weight"]
    stop_after(1, lambda: main(["fit", "--ckpt_path", "last", "--trainer.enable_progress_bar", "false"]))
    assert torch.equal(before, last_weights()["network.layers.1.weight"]) != trained


def test_the_summary_counts_what_is_trained(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model.parameter_groups", "ParameterGroups", "--trainer.enable_model_summary", "true"]
    fit(*FREEZING, *words, "--model.parameter_groups.head_lr_scale", "10", "--trainer.max_epochs", "3")
    printed = capsys.readouterr().out
    assert "2.6 K trainable" in printed
    rows = {line.split()[0]: line.split()[-1] for line in printed.splitlines() if line.startswith(("backbone", "head"))}
    assert rows == {"backbone": "frozen", "backbone_no_decay": "frozen", "head": "0.01", "head_no_decay": "0"}


@pytest.mark.parametrize("length", [{"max_epochs": 3}, {"max_epochs": 9, "max_steps": 7}])  # Of 3 an epoch.
def test_stages_that_are_not_reached_are_reported(length: dict[str, int], caplog: pytest.LogCaptureFixture) -> None:
    trainer = quiet_trainer(callbacks=[BackboneFreezing(1, 4)], **length)
    trainer.fit(classifier(network=THREE_LAYERS), loader(12, 4), loader(4, 4))
    assert "the first 1 of 2 stages stay frozen in all of the 3 epochs" in caplog.text


def test_a_run_that_max_steps_end_before_anything_is_unfrozen_is_refused() -> None:
    trainer = quiet_trainer(max_epochs=9, max_steps=6, callbacks=[BackboneFreezing(2)])
    with pytest.raises(UserError, match="freeze_epochs is 2, but training ends after epoch 2: nothing would be unfroz"):
        trainer.fit(classifier(network=THREE_LAYERS), loader(12, 4), loader(4, 4))


class Headless(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) * self.scale


class Plain(nn.Sequential):
    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3, 4), nn.Linear(4, num_classes))


@pytest.mark.parametrize(
    ("arguments", "network", "message"),
    [
        ((5,), THREE_LAYERS, "freeze_epochs is 5, but training ends after epoch 5: nothing would be unfrozen"),
        ((1,), Headless, "needs the head of the network, which Headless does not say: take TorchvisionNetwork"),
        ((1,), partial(MLP, in_features=3, hidden_features=[]), "MLP has nothing else: leave it out"),
        ((1, 1), Plain, "unfreeze_every_n_epochs goes by the stages .*, which Plain does not say: leave it out"),
    ],
)
def test_what_cannot_be_frozen_is_refused(
    arguments: tuple[int, ...], network: Callable[..., nn.Module], message: str
) -> None:
    with pytest.raises(UserError, match=f"BackboneFreezing.*{message}"):
        record(BackboneFreezing(*arguments), network=network)


def test_a_trial_of_one_batch_is_no_short_run() -> None:
    trainer = quiet_trainer(fast_dev_run=True, callbacks=[BackboneFreezing(freeze_epochs=3)])
    trainer.fit(classifier(network=THREE_LAYERS), loader(8, 4), loader(4, 4))
    assert trainer.global_step == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"freeze_epochs": "0"}, "freeze_epochs is 0, which freezes nothing"),
        ({"freeze_epochs": "-1"}, "freeze_epochs must be at least 0, got -1"),
        ({"freeze_epochs": "null", "unfreeze_every_n_epochs": "1"}, "but freeze_epochs is null, which never unfreezes"),
        ({"unfreeze_every_n_epochs": "0"}, "unfreeze_every_n_epochs must be at least 1, got 0"),
        ({"freeze_epochs": "2"}, "freeze_epochs is 2, but training ends after epoch 2: nothing would be unfrozen"),
    ],
)
def test_a_mistake_is_a_line_before_training(
    capsys: pytest.CaptureFixture[str], words: dict[str, str], message: str
) -> None:
    arguments = [f"--trainer.callbacks.{key}={value}" for key, value in words.items()]
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--trainer.callbacks+=BackboneFreezing", *arguments])
    assert message in capsys.readouterr().err


def test_sharded_parameters_are_refused() -> None:
    trainer = type("Sharded", (), {"strategy": FSDPStrategy()})()
    with pytest.raises(UserError, match="one device or trainer.strategy ddp, got FSDPStrategy"):
        BackboneFreezing().setup(trainer, classifier(network=THREE_LAYERS), "fit")


class SavedByRank(Callback):
    """Save the weights of each process."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.save(pl_module.network.state_dict(), f"{trainer.world_size}-{trainer.global_rank}.pt")


@pytest.mark.parametrize("callback", [BackboneFreezing(2), BackboneFreezing(2, 3)], ids=["at_once", "by_stage"])
def test_two_processes_train_as_one_does_with_batches_of_both(callback: BackboneFreezing) -> None:
    for devices in (1, 2):
        torch.manual_seed(0)
        model = classifier(
            network=THREE_LAYERS,
            optimizer=partial(torch.optim.SGD, lr=0.5, momentum=0.9),
            parameter_groups=ParameterGroups(layer_decay=0.5),
        )
        trainer = quiet_trainer(
            max_epochs=8,
            callbacks=[callback, SavedByRank()],
            devices=devices,
            strategy="auto" if devices == 1 else "ddp_fork",
        )
        # Processes shuffle: with one step an epoch, it does not matter what they take of it.
        trainer.fit(model, loader(16, 16 // devices), loader(4, 2))
    first, second, alone = (torch.load(f"{name}.pt", weights_only=True) for name in ("2-0", "2-1", "1-0"))
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        torch.testing.assert_close(value, alone[name])
