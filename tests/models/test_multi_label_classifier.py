from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from litclassify.batch_mixing import BatchMixing, CutMix, MixUp
from litclassify.errors import UserError
from litclassify.losses import BinaryCrossEntropy, FocalLoss
from litclassify.models import MultiLabelClassifier
from litclassify.networks import MLP
from litclassify.randomness import batch_generator
from litclassify.rejection import ConfidenceThreshold

LABELS = ["red", "green", "blue"]
IMAGES = torch.randint(0, 256, (10, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TARGETS = torch.rand(10, 3, generator=torch.Generator().manual_seed(1)) < 0.4


def classifier(**arguments: object) -> MultiLabelClassifier:
    torch.manual_seed(0)
    defaults = {
        "network": partial(MLP, in_features=4),
        "optimizer": partial(torch.optim.SGD, lr=0.1),
        "class_names": LABELS,
        "criterion": nn.BCEWithLogitsLoss(),  # The default is shared: one model's eval() would be that of all.
    }
    return MultiLabelClassifier(**{**defaults, **arguments})


def run(model: MultiLabelClassifier, targets: torch.Tensor) -> Trainer:
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, max_epochs=1, num_sanity_val_steps=0,
    )  # fmt: skip
    loader = DataLoader(TensorDataset(IMAGES, targets), 5)
    trainer.fit(model, loader, loader)
    return trainer


@pytest.mark.parametrize("targets", [TARGETS, TARGETS.long(), TARGETS.float()])
def test_targets_of_any_type_give_the_same_weights(targets: torch.Tensor) -> None:
    model, other = classifier(), classifier()
    logged = run(model, targets).callback_metrics
    run(other, TARGETS)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert set(logged) >= {"train_loss", "train_acc", "train_f1", "train_f1_micro", "train_exact_match"}
    assert "train_map" not in logged


def test_each_label_has_a_loss_and_a_probability_of_its_own() -> None:
    model = classifier(criterion=nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 3.0]))).eval()
    loss, _ = model._shared_step((IMAGES, TARGETS), model.val_metrics, None)
    logits = model(IMAGES)
    log, log_not = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
    weight = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(loss, -(weight * TARGETS * log + ~TARGETS * log_not).mean())
    torch.testing.assert_close(model.predict_step(IMAGES, 0)["probabilities"], logits.sigmoid())


@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.99])
def test_predictions_are_the_labels_above_the_threshold(threshold: float) -> None:
    prediction = classifier(threshold=threshold).eval().predict_step((IMAGES, None), 0)
    for labels, row in zip(prediction["label"], prediction["probabilities"], strict=True):
        assert labels == [name for name, p in zip(LABELS, row, strict=True) if p > threshold]


def test_a_logit_that_has_overflown_is_no_certainty(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier()
    monkeypatch.setattr(model, "_logits", lambda *_: torch.tensor([[torch.inf, -torch.inf, 60000.0]]))
    probabilities = model.predict_step(IMAGES, 0)["probabilities"]
    torch.testing.assert_close(probabilities, torch.tensor([[torch.nan, 0.0, 1.0]]), equal_nan=True)


@pytest.mark.parametrize("mixing", [MixUp(1.0), CutMix(1.0)])
def test_mixed_images_have_shares_of_both_their_labels(mixing: BatchMixing, monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier(batch_mixing=mixing)
    seen = []
    step = model._shared_step
    monkeypatch.setattr(model, "_shared_step", lambda batch, *rest: seen.append(batch) or step(batch, *rest))
    run(model, TARGETS)
    own = TARGETS[:5].float()
    kept = mixing(IMAGES[:5], torch.eye(5), batch_generator(0, 0, 0))[1][0, 0]
    torch.testing.assert_close(seen[0][1], kept * own + (1 - kept) * own.roll(1, 0))


def test_a_mixed_image_counts_as_what_it_has_at_least_half_of() -> None:
    counted = classifier()._counted(torch.tensor([[0.0, 0.3, 0.5], [0.7, 1.0, 0.0]]))
    assert counted.tolist() == [[False, False, True], [True, True, False]]


def test_binary_cross_entropy_takes_several_labels() -> None:
    model = classifier(criterion=BinaryCrossEntropy())
    expected = nn.functional.binary_cross_entropy_with_logits(model(IMAGES), TARGETS.float())
    torch.testing.assert_close(model._loss(IMAGES, model(IMAGES), TARGETS), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0.0}, r"model\.threshold must be between 0 and 1, got 0\.0"),
        ({"threshold": 50}, r"model\.threshold must be between 0 and 1, got 50"),
        ({"criterion": nn.CrossEntropyLoss()}, r"model\.criterion: CrossEntropyLoss is for images with one class"),
        ({"criterion": FocalLoss()}, r"model\.criterion \(FocalLoss\) does not take .* nor several labels"),
        (
            {"criterion": nn.HingeEmbeddingLoss()},
            r"\(HingeEmbeddingLoss\) is no lower where logits agree with labels of",
        ),
        ({"criterion": nn.SoftMarginLoss()}, r"\(SoftMarginLoss\) is no lower where logits agree with labels of 0"),
        ({"criterion": nn.BCEWithLogitsLoss(pos_weight=torch.ones(4))}, r"model\.criterion \(BCEWithLogitsLoss\)"),
        ({"criterion": BinaryCrossEntropy(weight=torch.ones(3))}, "BinaryCrossEntropy weighs an image by its class"),
        ({"class_names": ["red"]}, "at least 2 classes"),
        ({"rejection": ConfidenceThreshold(0.5)}, r"model\.rejection is for classifiers of images with one class"),
        ({"calibration_temperature": 2.0}, r"model\.calibration_temperature is for classifiers of images"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        classifier(**arguments)


def test_targets_that_are_classes_are_refused() -> None:
    with pytest.raises(UserError, match=r"targets have the shape \(5,\), but MultiLabelClassifier takes .* \(5, 3\)"):
        run(classifier(), torch.from_numpy(np.arange(10) % 3))
