from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from litclassify.batch_mixing import BatchMixing, CutMix, MixUp
from litclassify.errors import UserError
from litclassify.losses import FocalLoss
from litclassify.models import ImageClassifier
from litclassify.networks import MLP
from litclassify.randomness import batch_generator

CLASSES = ["cat", "dog", "eel"]


class Flatten(nn.Module):
    """Logits are the pixels: what goes in can be read off what comes out."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) * self.scale


MLPOfThree = partial(MLP, in_features=3, hidden_features=())


def classifier(**arguments: object) -> ImageClassifier:
    defaults = {"network": Flatten, "optimizer": partial(torch.optim.SGD, lr=0.1), "class_names": CLASSES}
    return ImageClassifier(**{**defaults, **arguments})


def quiet_trainer(**arguments: object) -> Trainer:
    defaults = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
    }
    return Trainer(**{**defaults, "enable_model_summary": False, **arguments})


def loader(num_images: int, batch_size: int, seed: int = 0) -> DataLoader[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (num_images, 1, 1, 3), dtype=torch.uint8, generator=generator)
    targets = torch.randint(0, 3, (num_images,), generator=generator)
    return DataLoader(TensorDataset(images, targets), batch_size)


@pytest.mark.parametrize("weight", [None, torch.tensor([0.2, 1.0, 5.0])])
def test_the_loss_of_an_epoch_is_that_of_all_images_whatever_the_batches(weight: Tensor | None) -> None:
    model = classifier(criterion=nn.CrossEntropyLoss(weight=weight))
    images, targets = next(iter(loader(30, 30)))
    by_class = targets.argsort()  # As folders of classes come: most batches are of one class.
    data = TensorDataset(images[by_class], targets[by_class])
    expected = model.criterion(model(images), targets).item()
    for batch_size in (1, 7, 30):
        (metrics,) = quiet_trainer().validate(model, DataLoader(data, batch_size), verbose=False)
        assert metrics["val_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mixing", [MixUp(), CutMix()])
def test_mixed_images_have_the_precision_of_the_network(mixing: BatchMixing) -> None:
    model = classifier(network=MLPOfThree, batch_mixing=mixing)
    trainer = quiet_trainer(precision="bf16-true", max_epochs=1)
    trainer.fit(model, loader(4, 2), loader(4, 2))
    assert trainer.global_step == 2


def test_uint8_and_scaled_floats_give_the_same_logits() -> None:
    model = classifier(mean=[0.4], std=[0.2])
    images = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    expected = torch.tensor([[-2.0, -1.0, 3.0]])
    torch.testing.assert_close(model(images), expected)
    torch.testing.assert_close(model(images / 255), expected)


def test_each_channel_has_its_own_mean_and_std() -> None:
    model = classifier(mean=[0.0, 0.5, 1.0], std=[1.0, 0.5, 0.25])
    torch.testing.assert_close(model(torch.ones(2, 3, 1, 1)), torch.tensor([[1.0, 1.0, 0.0]] * 2))


def test_normalisation_is_part_of_the_state() -> None:
    state = classifier(mean=[0.4], std=[0.2]).state_dict()
    assert state["mean"].item() == pytest.approx(0.4)
    assert state["std"].item() == pytest.approx(0.2)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 10])
def test_metrics_are_exact_for_any_batch_size(batch_size: int) -> None:
    model = classifier()
    data = loader(10, batch_size)
    (result,) = quiet_trainer().validate(model, data, verbose=False)
    images, targets = data.dataset.tensors
    with torch.no_grad():
        logits = model(images)
    assert result["val_loss"] == pytest.approx(nn.functional.cross_entropy(logits, targets).item(), rel=1e-6)
    assert result["val_acc"] == pytest.approx((logits.argmax(1) == targets).float().mean().item())


def test_top5_is_reported_from_six_classes_up() -> None:
    assert "val_acc_top5" not in classifier(class_names=list("abcde")).val_metrics.keys()  # noqa: SIM118 - a module
    assert "val_acc_top5" in classifier(class_names=list("abcdef")).val_metrics.keys()  # noqa: SIM118 - a module


def test_predictions_are_index_name_and_probabilities() -> None:
    prediction = classifier().predict_step((torch.tensor([[[[0.0, 2.0, 1.0]]]]), torch.tensor([-1])), 0)
    assert prediction["index"].tolist() == [1]
    assert prediction["label"] == ["dog"]
    torch.testing.assert_close(prediction["probabilities"], torch.tensor([[0.0, 2.0, 1.0]]).softmax(1))


def test_training_equals_a_loop_written_by_hand() -> None:
    data = loader(12, 4)
    torch.manual_seed(0)
    by_hand = MLP(3, in_features=3, hidden_features=[5])
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        for images, targets in data:
            optimizer.zero_grad()
            nn.functional.cross_entropy(by_hand(images / 255), targets).backward()
            optimizer.step()

    torch.manual_seed(0)
    model = classifier(
        network=partial(MLP, in_features=3, hidden_features=[5]),
        optimizer=partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    )
    quiet_trainer(max_epochs=3).fit(model, data, loader(3, 3))
    for ours, expected in zip(model.network.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, expected)


def test_checkpoint_of_a_plain_python_run_loads_without_unpickling(tmp_path: Path) -> None:
    model = classifier(mean=[0.4], std=[0.2])
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(model, loader(6, 3), loader(3, 3))
    trainer.save_checkpoint(tmp_path / "plain.ckpt")
    torch.load(tmp_path / "plain.ckpt", weights_only=True)
    again = ImageClassifier.load_from_checkpoint(
        tmp_path / "plain.ckpt", network=Flatten, optimizer=torch.optim.SGD, weights_only=True
    )
    assert again.class_names == CLASSES
    assert torch.equal(again.network.scale, model.network.scale)


def test_a_classifier_needs_two_classes() -> None:
    with pytest.raises(UserError, match="at least 2 classes, got 1: \\['cat'\\]"):
        classifier(class_names=["cat"])


def test_mean_and_std_go_together() -> None:
    with pytest.raises(UserError, match="mean and std go together"):
        classifier(mean=[0.5])


def test_a_network_for_other_images_is_refused_at_once() -> None:
    with pytest.raises(UserError, match=r"2352 \(3x28x28\): set model.network.in_features to 2352"):
        classifier(network=MLP, image_shape=(3, 28, 28))


@pytest.mark.parametrize("target", [3, -1])
def test_targets_beyond_the_classes_are_refused(target: int) -> None:
    data = DataLoader(TensorDataset(torch.zeros(2, 1, 1, 3), torch.full((2,), target)), 2)
    with pytest.raises(UserError, match=rf"data: Target {target} .* 3 class_names, so targets go from 0 to 2"):
        quiet_trainer().validate(classifier(criterion=nn.CrossEntropyLoss()), data, verbose=False)


class Recorded(nn.Module):
    """A cross entropy that keeps the targets it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[Tensor] = []

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        self.targets.append(targets)
        return nn.functional.cross_entropy(logits, targets)


def targets_of_a_fit(mixing: BatchMixing, max_epochs: int, **trainer: int) -> list[Tensor]:
    criterion = Recorded()
    model = classifier(criterion=criterion, batch_mixing=mixing)
    criterion.targets.clear()  # Those of the check.
    trainer = quiet_trainer(max_epochs=max_epochs, num_sanity_val_steps=0, **trainer)
    trainer.fit(model, loader(8, 4), loader(4, 4))
    return criterion.targets


def test_training_batches_are_mixed_and_others_are_not() -> None:
    assert [targets.dim() for targets in targets_of_a_fit(MixUp(), 2)] == [2, 2, 1, 2, 2, 1]


def test_last_epochs_see_images_as_they_are() -> None:
    targets = targets_of_a_fit(MixUp(off_last_epochs=1), 2)
    assert [target.dim() for target in targets] == [2, 2, 1, 1, 1, 1]


def test_the_last_epoch_is_the_one_in_which_max_steps_end_the_run() -> None:
    targets = targets_of_a_fit(MixUp(off_last_epochs=1), 10, max_steps=3)
    assert [target.dim() for target in targets] == [2, 2, 1, 1]


def test_every_batch_of_every_epoch_is_mixed_by_a_draw_of_its_own() -> None:
    runs = [[t for t in targets_of_a_fit(MixUp(1.0), 2) if t.dim() == 2] for _ in range(2)]
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))
    assert len({tuple(targets.flatten().tolist()) for targets in runs[0]}) == 4


def test_training_accuracy_counts_the_class_of_which_an_image_has_most() -> None:
    model = classifier(batch_mixing=MixUp(1.0))
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(model, loader(30, 30), loader(4, 4))
    images, targets = loader(30, 30).dataset.tensors
    mixed, soft = MixUp(1.0)(images, nn.functional.one_hot(targets, 3).float(), batch_generator(0, 0, 0))
    expected = (mixed.flatten(1).argmax(1) == soft.argmax(1)).float().mean().item()
    assert trainer.callback_metrics["train_acc"].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ({"max_epochs": 1}, "ends after epoch 1"),
        ({"max_epochs": 2}, "ends after epoch 2"),
        ({"max_epochs": 9, "max_steps": 4}, "ends after epoch 2"),
        ({"max_epochs": -1}, "has no end"),
    ],
)
def test_mixing_in_no_epoch_is_refused(length: dict[str, int], said: str) -> None:
    trainer = quiet_trainer(**length)
    with pytest.raises(UserError, match=f"off_last_epochs=2 leaves no epoch to mix in: training {said}"):
        trainer.fit(classifier(batch_mixing=CutMix(off_last_epochs=2)), loader(8, 4), loader(4, 4))


def test_a_trial_of_one_batch_is_no_short_run() -> None:
    trainer = quiet_trainer(fast_dev_run=True)
    trainer.fit(classifier(batch_mixing=CutMix(off_last_epochs=2)), loader(8, 4), loader(4, 4))
    assert trainer.global_step == 1


def test_a_loss_of_classes_alone_is_refused_with_mixing() -> None:
    with pytest.raises(UserError, match=r"FocalLoss\) does not take .* \(2, 3\): it takes classes, and no prob"):
        classifier(criterion=FocalLoss(), batch_mixing=CutMix())
