"""A step computes what a loop written by hand does, and waits for nothing."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop
from tests.conftest import SMALL, every
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from litclassify.cli import main
from litclassify.cli.application import ClassificationCLI
from litclassify.cli.run import process_set_up_for
from litclassify.cli.trainer.step_overhead import STEP_HOOKS, NoProfiler, skip_empty_hooks
from litclassify.data import Digits
from litclassify.models import ImageClassifier
from litclassify.networks import MLP, LeNet, ResNet9

Fit = Callable[..., Path]


def losses_by_hand(accumulate: int = 1) -> list[float]:
    """Train the network of `SMALL` for two epochs; give the loss of each step, or of the last batch before it."""
    data = Digits(batch_size=256)
    data.setup("fit")
    dataset = data.train_dataloader().dataset
    torch.manual_seed(0)
    network = MLP(10, in_features=64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, fused=False)
    losses: list[float] = []
    for epoch in range(2):
        order = torch.from_numpy(np.random.RandomState([0, epoch]).permutation(len(dataset)))
        batches = order.split(256)
        for i, indices in enumerate(batches, start=1):
            images, targets = dataset.__getitems__(indices.tolist())
            loss = nn.functional.cross_entropy(network((images / 255 - data.mean[0]) / data.std[0]), targets)
            (loss / accumulate).backward()
            if i % accumulate == 0 or i == len(batches):
                optimizer.step()
                optimizer.zero_grad()
                losses.append(loss.item())
    return losses


def logged(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_loss_curve_is_that_of_a_loop_written_by_hand(fit: Fit, accumulate: int) -> None:
    run = fit("--trainer.log_every_n_steps", "1", "--trainer.accumulate_grad_batches", str(accumulate))
    assert logged(run, "train_loss_step") == pytest.approx(losses_by_hand(accumulate), rel=1e-4)


def test_the_loss_of_a_step_is_written_at_the_logging_interval(fit: Fit) -> None:
    run = fit("--trainer.log_every_n_steps", "3")
    assert logged(run, "train_loss_step") == pytest.approx(losses_by_hand()[2::3], rel=1e-4)


def test_fused_optimizers_are_the_default_of_the_command_line(cli: Callable[..., ClassificationCLI]) -> None:
    assert [group["fused"] for group in cli().trainer.optimizers[0].param_groups] == [True]
    assert cli("--model.optimizer.fused", "false").trainer.optimizers[0].defaults["fused"] is False


def test_gradients_are_clipped_under_mixed_precision(cli: Callable[..., ClassificationCLI]) -> None:
    trainer = cli("--trainer.precision", "bf16-mixed", "--trainer.gradient_clip_val", "0.1").trainer
    assert trainer.optimizers[0].defaults["fused"] is None


@pytest.fixture
def cli() -> Callable[..., ClassificationCLI]:
    def run(*words: str) -> ClassificationCLI:
        with process_set_up_for(["fit", *SMALL, "--trainer.limit_train_batches", "2", *words]) as prepared:
            return ClassificationCLI(prepared)

    return run


def test_what_undoes_a_bad_step_comes_before_what_averages_weights(cli: Callable[..., ClassificationCLI]) -> None:
    words = ["--trainer.callbacks+=EMA", "--trainer.callbacks+=LossGuard", "--trainer.callbacks.policy=skip"]
    names = [type(callback).__name__ for callback in cli(*words).trainer.callbacks]
    assert names.index("LossGuard") < names.index("EMA")


class HostReads(TorchDispatchMode):
    """Count what waits for the device: values that Python reads, and copies on the CPU where tensors lie elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._copies = pytest.MonkeyPatch()

    def __enter__(self) -> Any:
        for name in ("cpu", "numpy", "tolist"):  # Of a tensor on the CPU they dispatch nothing.
            self._copies.setattr(torch.Tensor, name, self._counted(getattr(torch.Tensor, name)))
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._copies.undo()

    def _counted(self, copy: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return copy(*args, **kwargs)

        return counted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return func(*args, **(kwargs or {}))


def test_a_step_does_not_wait_for_the_device(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    training_step = ImageClassifier.training_step

    def watched(self: ImageClassifier, batch: Any, batch_idx: int) -> Any:
        with HostReads() as mode:
            loss = training_step(self, batch, batch_idx)
        reads.append(mode.count)
        return loss

    monkeypatch.setattr(ImageClassifier, "training_step", watched)
    fit("--trainer.log_every_n_steps", "2")
    assert reads == [0] * 10


@pytest.mark.parametrize("command", every(3, ["fit", "validate", "test"]))
def test_a_batch_of_an_evaluation_does_not_wait_for_the_device(
    command: str, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    evaluation_step = _EvaluationLoop._evaluation_step

    def watched(self: _EvaluationLoop, *args: Any) -> None:
        with HostReads() as mode:  # Callbacks and what Lightning does with a batch, too.
            evaluation_step(self, *args)
        reads.append(mode.count)

    observers = [f"--trainer.callbacks+={name}" for name in ("ValidationReport", "EmbeddingProjector")]
    if command != "fit":
        fit()
    monkeypatch.setattr(_EvaluationLoop, "_evaluation_step", watched)
    if command == "fit":
        fit(*observers, "--data.batch_size", "64", "--trainer.num_sanity_val_steps", "0")
    else:
        main([command, "--ckpt_path", "best", "--data.batch_size", "64", "--trainer.enable_progress_bar", "false"])
    assert reads == [0] * {"fit": 2 * 3, "validate": 3, "test": 6}[command]


def test_hooks_that_a_callback_does_not_define_are_not_called() -> None:
    class Watching(Callback):
        def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
            pass

    callbacks = [Watching(), EarlyStopping("val_acc")]
    skip_empty_hooks(callbacks)
    assert [[hook for hook in STEP_HOOKS if callable(getattr(c, hook))] for c in callbacks] == [
        ["on_after_backward"],
        [],
    ]


def test_a_profiler_of_the_config_takes_the_place_of_none(cli: Callable[..., ClassificationCLI]) -> None:
    assert isinstance(cli().trainer.profiler, NoProfiler)
    assert type(cli("--trainer.profiler", "simple").trainer.profiler).__name__ == "SimpleProfiler"


CONV = [*["--model.network", "LeNet", "--model.network.width", "4"], *["--trainer.log_every_n_steps", "1"]]


@pytest.mark.parametrize("accumulate", every(2, ["1", "2"]))
@pytest.mark.parametrize("option", ["channels_last", "compile"])
def test_options_of_speed_change_no_result(
    option: str, accumulate: str, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # Inductor takes half a minute.
    plain = fit(*CONV, "--trainer.accumulate_grad_batches", accumulate)
    fast = fit(*CONV, "--trainer.accumulate_grad_batches", accumulate, f"--model.{option}", "true")
    for name in ("train_loss_step", "val_loss", "train_acc", "val_acc"):
        assert logged(fast, name) == pytest.approx(logged(plain, name), rel=1e-4)
    keys = [torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"].keys() for run in (plain, fast)]
    assert keys[0] == keys[1]


def test_channels_last_reaches_weights_and_images(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ImageClassifier(ResNet9, torch.optim.SGD, ["a", "b"], channels_last=True)
    seen: list[torch.Tensor] = []
    model.network.register_forward_pre_hook(lambda network, inputs: seen.extend(inputs))
    model(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    seen += [parameter for parameter in model.network.parameters() if parameter.dim() == 4]
    assert len(seen) == 9
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in seen)


@pytest.mark.slow
@pytest.mark.parametrize(("value", "mode"), [("true", None), ("reduce-overhead", "reduce-overhead")])
def test_compile_reaches_the_network_for_training_alone(
    value: str, mode: str | None, cli: Callable[..., ClassificationCLI], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    monkeypatch.setattr(LeNet, "compile", lambda self, mode: compiled.append(mode))
    cli("--model.network", "LeNet", "--model.compile", value, "--trainer.max_epochs", "1")
    assert compiled == [mode]
    main(["test", "--ckpt_path", "last", "--trainer.enable_progress_bar", "false"])
    assert compiled == [mode]
