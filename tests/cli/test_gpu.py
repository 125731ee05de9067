"""What the commands do on a GPU: the same as on a CPU, without waiting for it, and all of it again after a stop."""

import csv
import json
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tests.chaos.comparison import differences
from torchvision.transforms import v2

from litclassify.callbacks.resuming import interruption
from litclassify.cli import main
from litclassify.models import ImageClassifier

pytestmark = pytest.mark.gpu

QUIET = ["--trainer.enable_progress_bar", "false"]
GPU = ["--trainer.accelerator", "gpu", "--trainer.devices", "1"]
NETWORK = [
    *["--model.network", "ResNet9", "--model.network.width", "16"],
    *["--model.optimizer", "SGD", "--model.optimizer.lr", "0.05", "--model.optimizer.momentum", "0.9"],
    *["--trainer.max_epochs", "4", "--trainer.enable_model_summary", "false"],
]
DIGITS = ["--data", "Digits", "--data.image_size", "32", "--data.batch_size", "128"]
TRAIN = ["fit", *GPU, *QUIET, *DIGITS, *NETWORK, "--model.network.in_channels", "1"]
# Everything that draws random numbers, averages, or keeps a state.
RANDOM = [
    *["--data.train_transform", "flip_crop_erasing", "--model.batch_mixing", "MixUpOrCutMix"],
    *["--model.lr_interval", "step", "--model.lr_scheduler", "WarmupCosine", "--model.lr_scheduler.warmup", "0.2"],
    *["--trainer.callbacks+", "EMA", "--trainer.accumulate_grad_batches", "2"],
]


@pytest.fixture(autouse=True)
def _nothing_is_compiled_yet() -> None:
    """What other tests have compiled counts towards torch's limit of versions: above it, this one would run without."""
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()


def records_cuda_graphs() -> bool:
    """Whether a compiled network has, since the test began: each record takes images or gradients."""
    return torch._dynamo.utils.counters["inductor"]["cudagraph_recorded_non_static_inputs"] > 0


def newest_run(runs: str = "runs") -> Path:
    return max(Path(runs).glob("*/*"), key=lambda path: path.stat().st_mtime_ns)


def results_of_test(*words: str) -> dict[str, float]:
    """Test; gives the metrics."""
    main(["test", *words, *QUIET])
    newest = max(Path().rglob("metrics.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(newest.read_text())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("resident", ["true", "false"])
def test_a_training_goes_on_to_the_last_bit(precision: str, resident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*TRAIN, *RANDOM, "--trainer.deterministic", "true", "--trainer.precision", precision]
    words += ["--data.device_resident", resident]
    main([*words, "--runs_dir", "whole"])
    calls, step = [], ImageClassifier.training_step

    def stop_in_the_third_epoch(self: ImageClassifier, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2 * self.trainer.num_training_batches + 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ImageClassifier, "training_step", stop_in_the_third_epoch)
        patch.setattr(interruption, "SAME_S", 0.05)
        with pytest.raises(SystemExit) as stop:
            main([*words, "--runs_dir", "stopped"])
    assert stop.value.code == 128 + signal.SIGTERM
    stopped = newest_run("stopped")
    assert (last := torch.load(stopped / "checkpoints" / "last.ckpt", weights_only=True))["epoch"] == 2
    assert last["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["completed"] > 0
    main(["fit", "--ckpt_path", f"{stopped}/last", *QUIET])
    assert differences(stopped, newest_run("whole")) == []


def test_losses_are_those_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*TRAIN, "--trainer.precision", "32-true", "--trainer.log_every_n_steps", "1", "--trainer.max_epochs", "1"]
    # Without TF32, in which convolutions are computed by default.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    main(words)
    on_gpu = losses(newest_run())
    main([*words, "--trainer.accelerator", "cpu", "--runs_dir", "cpu"])
    # Rounding grows from step to step.
    assert on_gpu[:6] == pytest.approx(losses(newest_run("cpu"))[:6], rel=2e-3)


def losses(run: Path) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row["train_loss_step"]) for row in csv.DictReader(file) if row["train_loss_step"]]


def test_the_precision_is_bfloat16_where_it_is_chosen_for_one(caplog: pytest.LogCaptureFixture) -> None:
    main([*TRAIN, "--trainer.precision", "auto", "--trainer.max_epochs", "1"])
    assert "bf16-mixed" in caplog.text
    assert "bf16-mixed" in (newest_run() / "config.fit.yaml").read_text()


class WaitsForNothing(Callback):
    """Let torch raise an error where training waits for the GPU: from the end of an epoch's third step to its ninth.

    The first steps set up what the others use, and the tenth is logged: that reads values from the GPU.
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        torch.cuda.set_sync_debug_mode("error" if 2 <= batch_idx < 8 else "default")


@pytest.fixture
def _waits_are_found() -> Iterator[None]:
    """A step that waits does raise an error."""
    torch.cuda.set_sync_debug_mode("error")
    with pytest.raises(RuntimeError, match="called a synchronizing CUDA operation"):
        torch.ones(1, device="cuda").item()
    torch.cuda.set_sync_debug_mode("default")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("_waits_are_found")
@pytest.mark.parametrize(
    "words", [[], RANDOM, ["--data.device_resident", "false"], ["--data.train_transform", "rand_augment"]]
)
def test_a_step_waits_for_nothing(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    step = ImageClassifier.training_step

    def watched(self: ImageClassifier, batch: Any, batch_idx: int) -> Any:
        seen.append(torch.cuda.get_sync_debug_mode())
        return step(self, batch, batch_idx)

    monkeypatch.setattr(ImageClassifier, "training_step", watched)
    # Some of torchvision's operations wait, such as those that copy a matrix to the GPU.
    monkeypatch.setattr(v2.RandAugment, "_apply_image_or_video_transform", lambda self, images, *_: images.flip(-1))
    watch = ["--allow_import", "tests", "--trainer.callbacks+", "tests.cli.test_gpu.WaitsForNothing"]
    # In the second epoch, a step of the six is logged where gradients are accumulated.
    main([*TRAIN, *words, "--trainer.precision", "bf16-mixed", "--trainer.max_epochs", "1", *watch])
    assert seen.count(2) == 6


UNFREEZING = ["--trainer.callbacks+", "BackboneFreezing", "--trainer.callbacks.freeze_epochs", "1"]


@pytest.mark.parametrize("words", [[], RANDOM, UNFREEZING])
def test_cuda_graphs_compute_what_a_compiled_network_does(words: list[str]) -> None:
    options = ["--trainer.precision", "32-true", "--trainer.log_every_n_steps", "1", "--trainer.max_epochs", "2"]
    main([*TRAIN, *words, *options, "--model.compile", "true", "--runs_dir", "without"])
    assert not records_cuda_graphs()
    main([*TRAIN, *words, *options, "--model.compile", "reduce-overhead", "--test_after_fit", "true"])
    assert records_cuda_graphs()
    # Rounding grows from step to step.
    assert losses(newest_run())[:10] == pytest.approx(losses(newest_run("without"))[:10], rel=2e-3)


@pytest.mark.parametrize("mode", ["true", "reduce-overhead"])
def test_a_compiled_network_trains_and_is_evaluated_in_every_way(mode: str) -> None:
    main([*TRAIN, "--trainer.precision", "bf16-mixed", "--model.compile", mode, "--model.channels_last", "true"])
    assert records_cuda_graphs() == (mode == "reduce-overhead")
    run = newest_run()
    ckpt = ["--ckpt_path", str(run), *QUIET]
    assert results_of_test(*ckpt[:2])["test_acc"] > 0.9
    assert list(Path().rglob("report.html"))
    main(["calibrate", *ckpt])
    main(["predict", *ckpt, "--output", "predictions.csv"])
    with Path("predictions.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 359
    main(["validate", *ckpt])
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "5", *QUIET])
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 4


def test_a_test_on_a_gpu_gives_what_it_gives_on_a_cpu() -> None:
    main([*TRAIN, "--trainer.precision", "32-true"])
    ckpt = ["--ckpt_path", str(newest_run())]
    on_gpu, on_cpu = results_of_test(*ckpt), results_of_test(*ckpt, "--trainer.accelerator", "cpu")
    numbers = {name for name, value in on_cpu.items() if isinstance(value, float)}
    assert len(numbers) > 10
    assert {name: on_gpu[name] for name in numbers} == pytest.approx({name: on_cpu[name] for name in numbers}, abs=5e-3)


def test_predictions_are_explained(class_folders: Path) -> None:
    data = ["--data", "ImageFolder", "--data.root", str(class_folders), "--data.image_size", "32"]
    main(["fit", *GPU, *QUIET, *data, "--data.batch_size", "4", *NETWORK])
    ckpt = ["--ckpt_path", f"{newest_run()}/last", *QUIET]
    main(["predict", *ckpt, "--data.path", str(class_folders), "--output", "p.csv", "--explain", "explained"])
    assert len(list(Path("explained").iterdir())) == 24


@pytest.fixture
def _little_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 300 * 2**20) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.filterwarnings("ignore:.*is made for images of up to")
@pytest.mark.usefixtures("_little_memory")
def test_a_gpu_without_enough_memory_names_the_settings_to_lower(capfd: pytest.CaptureFixture[str]) -> None:
    large = ["--data.image_size", "256", "--data.batch_size", "512", "--trainer.precision", "32-true"]
    with pytest.raises(SystemExit) as stop:
        main([*TRAIN, *large, "--data.device_resident", "false"])
    assert stop.value.code == 2
    message = capfd.readouterr().err
    assert "A GPU has not enough memory for" in message
    assert "--data.batch_size 256 --trainer.accumulate_grad_batches 2" in message
    assert "--trainer.precision bf16-mixed" in message
    assert "Traceback" not in message


def test_a_loss_that_is_not_finite_stops_before_a_checkpoint_holds_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*TRAIN, "--model.optimizer.lr", "1e20", "--trainer.precision", "32-true"])
    assert stop.value.code == 2
    assert "the training loss is nan" in capfd.readouterr().err


@pytest.mark.parametrize(("what", "flag"), [("batch_size", "--data.batch_size"), ("lr", "--model.optimizer.lr")])
def test_searches_print_a_flag(what: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        main(["find", what, *TRAIN[1:]])
    assert f"\n{flag} " in capsys.readouterr().out
