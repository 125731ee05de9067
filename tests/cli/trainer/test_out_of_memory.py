"""A command that runs out of memory ends with exit code 2, and names the settings to lower."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jsonargparse import Namespace
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.cli.trainer.out_of_memory import is_out_of_memory, memory_explained, settings_to_lower

WORKER = RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")
BUS = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly: Bus error. It is possible that …")
CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 79.2 GiB")


def config(**data: object) -> Namespace:
    trainer = Namespace(accumulate_grad_batches=2, precision="32-true")
    return Namespace(data=Namespace(init_args=Namespace(batch_size=64, **data)), trainer=trainer)


def allocation_error() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize("error", [CUDA, WORKER, MemoryError("Unable to allocate 256. PiB for an array"), BUS])
def test_what_says_that_memory_ran_out_is_known(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert is_out_of_memory(allocation_error())


def test_other_errors_pass() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError) as caught, memory_explained(config(), trains=True):
        raise error
    assert caught.value is error


def test_settings_are_named_with_their_values() -> None:
    lines = str(settings_to_lower(CUDA, config(image_size=(224, 160)), trains=True)).splitlines()
    assert lines == [
        "A GPU has not enough memory for 1.50 GiB more. Lower one of these:",
        "data.batch_size is 64: --data.batch_size 32 --trainer.accumulate_grad_batches 4 (as many images in each step)",
        "data.image_size is [224, 160]",
        "trainer.precision is 32-true: --trainer.precision bf16-mixed",
        "model.network: a smaller one",
    ]
    evaluated = str(settings_to_lower(allocation_error(), config(), trains=False)).splitlines()
    assert evaluated[0] == "The machine has not enough memory for 1048576.0 GiB more. Lower one of these:"
    assert evaluated[1] == "data.batch_size is 64: --data.batch_size 32"


def test_a_worker_that_the_kernel_ended_names_the_workers() -> None:
    text = str(settings_to_lower(WORKER, config(num_workers=8), trains=True))
    assert "data.num_workers is 8: each process holds" in text


HUNGRY = """
import torch
from litclassify.networks import MLP
class Hungry(MLP):
    def forward(self, images):
        if len(images) > 2:  # Not at the check of the input.
            torch.empty(1 << 50, dtype=torch.uint8)
        return super().forward(images)
"""


def test_commands_end_with_a_few_lines(
    tmp_path: Path, fit: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gluttonous.py").write_text(HUNGRY)
    monkeypatch.syspath_prepend(tmp_path)
    hungry = [
        "--allow_import",
        "gluttonous",
        "--model.network",
        "gluttonous.Hungry",
        "--model.network.in_features",
        "64",
    ]
    run = fit()
    for words in (
        ["fit", *SMALL],
        *([command, "--ckpt_path", str(run)] for command in ("validate", "test", "predict")),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*words, *hungry])
        assert ended.value.code == 2
        printed = capsys.readouterr().err
        assert "error: The machine has not enough memory for 1048576.0 GiB more. Lower one of these:" in printed
        assert "data.batch_size is 256: --data.batch_size 128" in printed
        assert ("accumulate_grad_batches 2" in printed) == (words[0] == "fit")
        assert "Traceback" not in printed
