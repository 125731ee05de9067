"""Averaged weights from the command line: trained, resumed, tested."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.cli.test_distributed import DDP, SEEN, launch
from tests.conftest import SMALL
from torch import nn
from torch.optim.swa_utils import update_bn

from litclassify.cli import main
from litclassify.models import ImageClassifier

Fit = Callable[..., Path]
EMA = ["--trainer.callbacks+=EMA", "--trainer.callbacks.half_life_epochs=0.5"]
SWA = ["--trainer.callbacks+=SWA", "--trainer.callbacks.start=0.5"]
QUIET = ["--trainer.enable_progress_bar", "false"]


def last(run: Path) -> dict:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def loss_of_test(run: Path) -> float:
    return json.loads((run / "metrics.json").read_text())["test_loss"]


@pytest.mark.slow
@pytest.mark.parametrize("words", [EMA, SWA])
def test_what_is_tested_is_the_average(fit: Fit, words: list[str]) -> None:
    run = fit(*words, "--model.optimizer.lr", "0.1", "--trainer.max_epochs", "3", "--test_after_fit", "true")
    after_fit = loss_of_test(run)
    main(["test", "--ckpt_path", str(run), *QUIET])
    assert loss_of_test(run) == after_fit
    stored = last(run)
    torch.save({**stored, "state_dict": stored["current_model_state"]}, "current.ckpt")
    main(["test", "--ckpt_path", "current.ckpt", "--run_name", "current", *QUIET])
    (current,) = Path("runs/current").iterdir()
    assert loss_of_test(current) != after_fit


@pytest.mark.parametrize("words", [EMA, SWA])
def test_a_run_that_is_resumed_ends_as_one_that_is_not(fit: Fit, words: list[str]) -> None:
    words = ["--trainer.max_epochs", "4", "--checkpoint.save_top_k", "-1", *words]
    whole = last(fit(*words))
    (first,) = Path("runs").glob("*/*/checkpoints/epoch001*")
    main(["fit", "--ckpt_path", str(first), "--run_name", "resumed", *QUIET])
    (resumed,) = Path("runs/resumed").iterdir()
    for name in ("state_dict", "current_model_state"):
        assert all(torch.equal(last(resumed)[name][key], value) for key, value in whole[name].items())


def test_early_stopping_leaves_the_average(fit: Fit) -> None:
    words = ["--early_stopping.stopping_threshold", "0.1", "--trainer.max_epochs", "9", "--test_after_fit", "true"]
    run = fit(*EMA, *words, "--checkpoint", "null")
    assert "test_acc" in json.loads((run / "metrics.json").read_text())


def test_layout_and_accumulation_change_nothing_about_it(fit: Fit) -> None:
    words = ["--model.network", "LeNet", "--model.network.width", "4", "--trainer.accumulate_grad_batches", "2"]
    plain, laid_out = (last(fit(*EMA, *words, "--model.channels_last", value)) for value in ("false", "true"))
    for name, value in plain["state_dict"].items():
        torch.testing.assert_close(laid_out["state_dict"][name], value, rtol=1e-2, atol=1e-3)


def test_mistakes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for words, expected in {
        ("--trainer.callbacks+=EMA", "--trainer.callbacks.start=1"): "EMA.start must be a share of the run",
        ("--trainer.callbacks+=EMA", "--trainer.callbacks.half_life_epochs=-1"): "EMA.half_life_epochs must be over 0",
        ("--trainer.callbacks+=EMA", "--trainer.callbacks+=SWA"): "EMA and SWA both average the weights",
        ("--trainer.callbacks+=EMA", "--trainer.precision", "bf16-true"): "set trainer.precision to bf16-mixed",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            main(["fit", *SMALL, *words])
        message = capsys.readouterr().err
        assert expected in message
        assert "Traceback" not in message


@pytest.mark.slow
def test_compiled_networks_are_averaged(fit: Fit) -> None:
    plain, compiled = (last(fit(*EMA, "--model.compile", value)) for value in ("false", "true"))
    for name, value in plain["state_dict"].items():
        torch.testing.assert_close(compiled["state_dict"][name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_two_processes_validate_what_they_save(capfd: pytest.CaptureFixture[str]) -> None:
    launch("fit", *SMALL, *EMA, *DDP, "--checkpoint.save_top_k", "1")
    assert_validated_alone(capfd)


BRIGHTER = """
from torch import distributed
from torchvision.transforms import v2
class Brighter(v2.Transform):
    def transform(self, image, params):
        return image // 2 + 100 * distributed.get_rank()
"""


@pytest.mark.slow
def test_statistics_of_two_processes_are_those_of_one_with_all_images(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("seen.py").write_text(SEEN)
    Path("brighter.py").write_text(BRIGHTER)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    words = ["--model.network", "ResNet9", "--model.network.in_channels", "1", "--model.network.width", "4"]
    words += ["--allow_import", "seen", "--trainer.callbacks+=seen.SeenTargets", "--data.batch_size", "629"]
    words += ["--allow_import", "brighter", "--data.train_transform+=brighter.Brighter"]
    words += ["--trainer.callbacks+=SWA", "--trainer.callbacks.start=0", "--checkpoint.save_top_k", "1"]
    launch("fit", *SMALL, *words, *DDP)
    assert_validated_alone(capfd, "--allow_import", "brighter")

    (checkpoint,) = Path("runs").glob("*/*/checkpoints/last.ckpt")
    model = ImageClassifier.load_from_checkpoint(checkpoint, map_location="cpu", weights_only=True)
    # A batch in each process, and one here: the input of the first normalisation is the same.
    norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    found = norm.running_mean.clone(), norm.running_var.clone()
    update_bn([torch.cat([torch.load(f"seen{rank}.pt")["images"][-629:] for rank in range(2)])], model)
    torch.testing.assert_close(found, (norm.running_mean, norm.running_var), rtol=1e-4, atol=1e-5)


def assert_validated_alone(capfd: pytest.CaptureFixture[str], *words: str) -> None:
    """Check that one process finds the accuracy that two found for the best weights."""
    (checkpoint,) = Path("runs").glob("*/*/checkpoints/epoch*")
    launch("validate", "--ckpt_path", str(checkpoint), *words, "--trainer.devices", "1", "--trainer.strategy", "auto")
    assert checkpoint.stem.rpartition("val_acc")[2] in capfd.readouterr().out.rpartition("Validation finished")[2]
