"""Where memory runs out, training goes on with smaller batches and as many images in each step."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from tests.conftest import REPOSITORY, SMALL, every

from litclassify.cli import main
from litclassify.cli.own_variables import OOM_MARK
from litclassify.cli.series.batch_halving import BatchSize, find_halving

HALVE = ["--halve_batch_on_oom", "true"]
HUNGRY = """
import os
import torch
from litclassify.networks import MLP
class Hungry(MLP):
    seen = 0
    def forward(self, images):
        self.seen += self.training and len(images) != 2  # Not at the check of the input.
        if len(images) > int(os.environ["FITS"]) and self.seen > int(os.environ.get("FIRST", 0)):
            if "GPU_SAYS" in os.environ:
                raise torch.OutOfMemoryError(os.environ["GPU_SAYS"])
            torch.empty(1 << 50, dtype=torch.uint8)
        return super().forward(images)
"""
WORDS = [*SMALL, *HALVE, "--allow_import", "hungry", "--model.network", "hungry.Hungry"]
WORDS += ["--model.network.in_features", "64"]


@pytest.fixture
def hungry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that runs out of memory with more images than FITS."""
    (tmp_path / "hungry.py").write_text(HUNGRY)
    monkeypatch.syspath_prepend(tmp_path)


def only_run() -> Path:
    (run,) = Path("runs").glob("*/*")
    return run


@pytest.mark.parametrize(("images", "sizes"), [(64, [32, 16, 8]), (96, [48, 24, 12, 6, 3, 1]), (15, [5, 1]), (7, [1])])
def test_steps_see_as_many_images(images: int, sizes: list[int]) -> None:
    size = BatchSize(images, 2)
    for expected in sizes:
        size = size.smaller()
        assert size.images == expected
        assert size.images * size.batches == 2 * images


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("Yes", True), ("on", True), ("ON", True), ("off", False), ("no", False)]
)
def test_it_is_asked_for_in_any_word_of_yaml(value: str, expected: bool) -> None:
    assert yaml.safe_load(value) is expected
    Path("halve.yaml").write_text(f"halve_batch_on_oom: {value}")
    for words in (["fit", "--halve_batch_on_oom", value], ["fit", "--config", "halve.yaml"]):
        assert (find_halving(words, words) is not None) is expected


@pytest.mark.usefixtures("hungry")
@pytest.mark.parametrize(
    "gpu_says", every(2, [None, "CUDA out of memory. Tried to allocate 1.50 GiB."]), ids=["machine", "gpu"]
)
def test_the_run_starts_again_until_memory_suffices(
    gpu_says: str | None,
    in_process: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The validation images, all in one batch, count too."""
    if gpu_says is not None:
        monkeypatch.setenv("GPU_SAYS", gpu_says)
    monkeypatch.setenv("FITS", "64")
    main(["fit", *WORDS])
    assert len(in_process) == 3
    assert "batch_size 256: training starts again, with 128 and trainer.accumulate_grad_batches 2." in caplog.text
    config = yaml.safe_load((only_run() / "config.fit.yaml").read_text())
    assert (config["data"]["init_args"]["batch_size"], config["trainer"]["accumulate_grad_batches"]) == (64, 4)
    assert config["halve_batch_on_oom"] is False
    checkpoint = torch.load(only_run() / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 10  # As with 256: five steps in each of two epochs.
    assert len(list(only_run().glob("events.out*"))) == 1
    assert OOM_MARK not in os.environ


@pytest.mark.usefixtures("hungry")
def test_it_goes_on_from_the_newest_checkpoint(
    in_process: list[list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FITS", "130")
    monkeypatch.setenv("FIRST", "7")  # Of five steps in an epoch.
    main(["fit", *WORDS, "--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.01"])
    last = only_run() / "checkpoints" / "last.ckpt"
    assert f"batch_size 256: training goes on from {last}, with 128" in caplog.text
    assert in_process[1][3:5] == ["--ckpt_path", str(last)]
    checkpoint = torch.load(last, weights_only=True)
    assert (checkpoint["global_step"], checkpoint["epoch"]) == (10, 1)
    schedule = checkpoint["lr_schedulers"][0]
    assert (schedule["last_epoch"], schedule["total_steps"]) == (10, 10)


@pytest.mark.usefixtures("hungry")
def test_single_images_end_it(
    in_process: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FITS", "0")
    with pytest.raises(SystemExit) as ended:
        main(["fit", *WORDS, "--data.batch_size", "3", "--trainer.limit_train_batches", "2"])
    assert ended.value.code == 2
    assert [words[-5] for words in in_process] == ["3", "1"]
    printed = capsys.readouterr().err
    assert "has not enough memory" in printed
    assert "data.batch_size is" not in printed


def test_other_mistakes_end_it_at_once(in_process: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", *SMALL, *HALVE, "--model.optimizer.lr", "-1"])
    assert ended.value.code == 2
    assert len(in_process) == 1
    assert "Invalid learning rate: -1" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--trainer.fast_dev_run", "true"], "with trainer.fast_dev_run there is none"),
        (["--find_batch_size", "true"], "with find_batch_size each training would search anew"),
        (["--trainer.strategy", "ddp", "--trainer.devices", "2"], "halve_batch_on_oom takes one process"),
    ],
)
def test_what_it_does_not_go_with_is_refused(
    in_process: list[list[str]], capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", *SMALL, *HALVE, *words])
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_torchrun_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("GROUP_RANK", "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(SystemExit):
        main(["fit", *SMALL, *HALVE])
    assert "without torchrun or srun" in capsys.readouterr().err


@pytest.mark.usefixtures("hungry")
@pytest.mark.slow
def test_each_attempt_is_a_process(fit: Callable[..., Path]) -> None:
    environment = {**os.environ, "FITS": "128", "PYTHONPATH": f"{Path.cwd()}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, str(REPOSITORY / "main.py"), "fit", *WORDS]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=True)
    assert "Out of memory with data.batch_size 256: training starts again, with 128" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
