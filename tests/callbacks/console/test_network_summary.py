import pytest
import torch
from tests.conftest import SMALL
from torch import nn

from litclassify.callbacks import NetworkSummary
from litclassify.cli import main
from litclassify.models import ImageClassifier


class FrozenBody(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Linear(64, 10).requires_grad_(False)
        self.relu = nn.ReLU()
        self.head = nn.Linear(10, num_classes)

    def forward(self, images):
        return self.head(self.relu(self.body(images.flatten(1))))


def summary_of(model: ImageClassifier, capsys: pytest.CaptureFixture[str]) -> str:
    callback = NetworkSummary()
    trainer = type("GlobalZero", (), {"is_global_zero": True, "strategy": None})()
    callback.on_fit_start(trainer, model)
    return capsys.readouterr().out


def test_layers_with_parameters_are_listed_and_summed(capsys: pytest.CaptureFixture[str]) -> None:
    printed = summary_of(ImageClassifier(FrozenBody, torch.optim.SGD, ["a", "b"]), capsys)
    names = [line.split()[0] for line in printed.splitlines()]
    assert names == ["Layer", "network", "network.body", "network.head", "672"]
    assert "672 parameters, 22 trainable, 0.003 MB" in printed
    assert "FLOPs" not in printed


def test_flops_are_shown_where_they_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    model = ImageClassifier(FrozenBody, torch.optim.SGD, ["a", "b"])
    model.example_input_array = torch.zeros(1, 1, 8, 8)
    # A multiplication and an addition for each weight, biases not counted.
    assert f"{(2 * (64 * 10 + 10 * 2)) / 1000:.1f} K FLOPs" in summary_of(model, capsys)


def test_mixed_precision_is_summarised_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in SMALL if word not in ("--trainer.enable_model_summary", "false")]
    words.remove("--trainer.enable_progress_bar")
    main(["fit", *words, "--trainer.precision", "bf16-mixed", "--trainer.max_epochs", "1"])
    assert "MB" in capsys.readouterr().out
