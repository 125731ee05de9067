"""Weights of classes and balanced sampling, through the command line."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_expit, log_softmax
from sklearn.utils.class_weight import compute_class_weight
from tests.conftest import SMALL
from torch import Tensor, nn

from litclassify.cli import main
from litclassify.data import Digits, ImageFolder
from litclassify.files.safe_loading import load_safely
from litclassify.losses import BinaryCrossEntropy

Fit = Callable[..., Path]
FOLDER = ["--data", "ImageFolder", "--data.image_size", "8", "--data.grayscale", "true", "--data.num_workers", "0"]


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["fit", *SMALL, *words])
    assert end.value.code == 2
    assert not Path("runs").exists()
    return capsys.readouterr().err


@pytest.mark.slow
def test_weights_come_from_the_training_images_and_are_in_the_checkpoint(
    fit: Fit, class_folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in sorted((class_folders / "dark").iterdir())[:6]:
        path.unlink()
    data = [*FOLDER, "--data.root", str(class_folders), "--data.val_split", "3", "--data.test_split", "3"]
    by_hand = fit(*data, "--model.criterion.weight", "[0.75, 1.5]", "--trainer.max_epochs", "1")
    run = fit(*data, "--model.class_weights", "Balanced", "--trainer.max_epochs", "1")
    assert (run / "metrics.csv").read_text() == (by_hand / "metrics.csv").read_text()
    checkpoint = load_safely(run / "checkpoints" / "last.ckpt", "")
    assert checkpoint["hyper_parameters"]["class_counts"] == [8, 4]

    # Nobody counts again: the checkpoint knows.
    monkeypatch.setattr(ImageFolder, "class_counts", property(lambda _: pytest.fail("counted")))
    main(["test", "--ckpt_path", str(run)])
    assert "test_loss" in capsys.readouterr().out
    main(["predict", "--ckpt_path", str(run), "--data.path", str(class_folders / "dark"), "--output", "dark.csv"])
    assert len(Path("dark.csv").read_text().splitlines()) == 7
    main(["fit", "--ckpt_path", str(run / "last"), "--trainer.max_epochs", "2", "--model.class_weights", "null"])
    stored = load_safely(run / "checkpoints" / "last.ckpt", "")["hyper_parameters"]
    assert stored["class_weights"] is None


def test_nothing_is_counted_without_weights(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Digits, "class_counts", property(lambda _: pytest.fail("counted")))
    run = fit("--trainer.max_epochs", "1")
    assert load_safely(run / "checkpoints" / "last.ckpt", "")["hyper_parameters"]["class_counts"] is None


def test_a_check_of_a_config_reads_no_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(
            ["fit", *SMALL, *FOLDER, "--data.root", "no", "--model.class_weights", "EffectiveNumber", "--print_config"]
        )
    Path("weights.yaml").write_text(capsys.readouterr().out)
    main(["config", "check", "weights.yaml"])
    assert capsys.readouterr().out == "ok\n"


def test_a_data_module_that_does_not_count_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("uncounted.py").write_text(
        "from lightning.pytorch import LightningDataModule\n"
        "class Uncounted(LightningDataModule):\n    class_names = ['a', 'b']\n"
        "    def train_dataloader(self):\n        return []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    words = ["--allow_import", "uncounted", *[word for word in SMALL if word not in ("--data.batch_size", "256")]]
    words[words.index("Digits")] = "uncounted.Uncounted"
    with pytest.raises(SystemExit) as end:
        main(["fit", *words, "--model.class_weights", "Balanced"])
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert "model.class_weights: Uncounted has no class_counts" in message
    assert "model.criterion.weight" in message


def test_weights_and_balanced_sampling_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model.class_weights", "Balanced", "--data.class_balance", "0.5"]
    assert "model.class_weights and data.class_balance=0.5" in refused(capsys, *words)
    with pytest.raises(SystemExit):
        main(["fit", *SMALL, *words, "--print_config"])
    Path("both.yaml").write_text(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main(["config", "check", "both.yaml"])
    assert "count twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model.class_weights", "balanced"], "Did you mean 'Balanced'?"),
        (["--model.class_weights.beta", "2", "--model.class_weights", "EffectiveNumber"], "model.class_weights.beta"),
        (["--model.class_weights", "Balanced", "--model.criterion", "MultiLabelMarginLoss"], "takes no weights"),
        (["--model.class_counts", "[1, 2]"], "the model takes it from the data"),
        (["--data.class_balance", "1.5"], "data.class_balance must be in [0, 1], got 1.5"),
        (["--data.augmentation_repeats", "0"], "data.augmentation_repeats must be at least 1, got 0"),
        (["--data.train_transform", "rand_augmnt"], "Did you mean 'rand_augment'?"),
        (["--data.train_transform", "[flip_crp]"], "Did you mean 'flip_crop'?"),
        (["--data.train_transform", "trivial_augment"], "moves images by up to 32 pixels"),
    ],
)
def test_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(capsys, *words)


@pytest.mark.parametrize("criterion", [BinaryCrossEntropy, nn.CrossEntropyLoss])
def test_weights_hold_for_mixed_batches(fit: Fit, criterion: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[tuple[Tensor, Tensor]] = []
    forward = criterion.forward

    def recorded(self: nn.Module, logits: Tensor, targets: Tensor) -> Tensor:
        if targets.shape == (256, 10):
            batches.append((logits.detach(), targets))
        return forward(self, logits, targets)

    monkeypatch.setattr(criterion, "forward", recorded)
    name = criterion.__name__ if criterion is BinaryCrossEntropy else "torch.nn.CrossEntropyLoss"
    words = ["--model.criterion", name, "--model.batch_mixing", "MixUp", "--trainer.log_every_n_steps", "1"]
    run = fit(*words, "--model.class_weights", "Balanced", "--trainer.max_epochs", "1")
    counts = load_safely(run / "checkpoints" / "last.ckpt", "")["hyper_parameters"]["class_counts"]
    classes = np.repeat(np.arange(10), counts)
    weights = compute_class_weight("balanced", classes=np.arange(10), y=classes)
    logits, targets = (values.double().numpy() for values in batches[0])
    if criterion is BinaryCrossEntropy:  # Of images, by what their classes weigh.
        surprise = -(targets * log_expit(logits) + (1 - targets) * log_expit(-logits)).mean(axis=1)
        expected = np.average(surprise, weights=targets @ weights)
    else:  # Of classes, as torch has it for probabilities: divided by the images.
        expected = -(weights * targets * log_softmax(logits, axis=1)).sum(axis=1).mean()
    assert first_loss(run) == pytest.approx(expected, rel=1e-5)


def first_loss(run: Path) -> float:
    with (run / "metrics.csv").open(newline="") as file:
        return next(float(row["train_loss_step"]) for row in csv.DictReader(file) if row["train_loss_step"])


def test_balanced_training_is_resumed_where_it_was(fit: Fit) -> None:
    words = ["--data.class_balance", "1", "--trainer.max_epochs", "2", "--early_stopping", "null"]
    whole = load_safely(fit(*words) / "checkpoints" / "last.ckpt", "")["state_dict"]
    part = fit(*words, "--trainer.max_epochs", "1", "--run_name", "part")
    main(["fit", "--ckpt_path", str(part / "last"), "--trainer.max_epochs", "2"])
    resumed = load_safely(part / "checkpoints" / "last.ckpt", "")["state_dict"]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
