"""A command that runs out of memory ends with exit code 2, and names the settings to lower."""

import queue
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from jsonargparse import Namespace
from tests.conftest import SMALL, every
from torch.utils.data import DataLoader

from litclassify.cli import main
from litclassify.cli.trainer.out_of_memory import (
    is_out_of_memory,
    memory_explained,
    memory_of_parts_explained,
    settings_to_lower,
)
from litclassify.errors import UserError
from litclassify.networks import MLP

WORKER = RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")
BUS = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly: Bus error. It is possible that …")
ENDED = "DataLoader worker (pid(s) 12) exited unexpectedly"
CRASH = RuntimeError("DataLoader worker (pid 12) is killed by signal: Segmentation fault. ")
WITH_CODE = RuntimeError("DataLoader worker (pid 12) exited unexpectedly with exit code 1. Details are lost due to …")
# As of torch 2.8.
CUDA_TEXT = (
    "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 79.19 GiB of which 1.31 GiB is "
    "free. Process 1234 has 77.86 GiB memory in use. Of the allocated memory 76.93 GiB is allocated by PyTorch, and "
    "271.50 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory "
    "Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)
CUDA = torch.OutOfMemoryError(CUDA_TEXT)
OTHER_GPU_TEXTS = (
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "MPS backend out of memory (MPS allocated: 17.05 GiB, other allocations: 1.21 GiB, max allowed: 18.13 GiB).",
)

ALLOCATOR_TEXT = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "80000000000 bytes. Error code 12 (Cannot allocate memory)"
)


def config(**data: object) -> Namespace:
    trainer = Namespace(accumulate_grad_batches=2, precision="32-true")
    return Namespace(data=Namespace(init_args=Namespace(batch_size=64, **data)), trainer=trainer)


def ended(reason: Exception) -> RuntimeError:
    """Give what torch raises where it finds a worker gone, and of what it makes that."""
    error = RuntimeError(ENDED)
    error.__cause__ = reason
    return error


def allocation_error() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize(
    "error", [CUDA, WORKER, MemoryError("Unable to allocate 256. PiB for an array"), BUS, ended(WORKER)]
)
def test_what_says_that_memory_ran_out_is_known(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert is_out_of_memory(allocation_error())


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        *(CRASH, ended(CRASH), WITH_CODE, ended(WITH_CODE)),
        *(ConnectionResetError(104, "Connection reset by peer"), FileNotFoundError(2, "No such file"), EOFError()),
    ],
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, memory_explained(config(), trains=True):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("text", OTHER_GPU_TEXTS)
def test_all_that_a_gpu_without_memory_says_is_known(text: str) -> None:
    error = RuntimeError(text)
    assert is_out_of_memory(error)
    assert str(settings_to_lower(error, config(), trains=True)).startswith("A GPU has not enough memory. Lower one")


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


@pytest.mark.parametrize("error", [WORKER, BUS, ended(WORKER)])
def test_a_worker_that_was_killed_names_the_workers(error: Exception) -> None:
    lines = str(settings_to_lower(error, config(num_workers=8), trains=True)).splitlines()
    assert "was killed, as the system does where memory runs out" in lines[0]
    assert lines[1] == "data.num_workers is 8: each process holds batches of its own, in shared memory"
    assert lines[2].startswith("data.batch_size is 64")


def test_a_worker_of_which_only_the_end_is_known_is_not_said_to_have_run_out_of_memory() -> None:
    error = ended(queue.Empty())
    assert not is_out_of_memory(error)
    with pytest.raises(UserError) as caught, memory_explained(config(num_workers=8), trains=True):
        raise error
    lines = str(caught.value).splitlines()
    assert "ended, and torch does not know why" in lines[0]
    assert lines[1].startswith("data.num_workers is 8")


@pytest.mark.parametrize("lost", [ConnectionResetError(104, "Connection reset by peer"), EOFError()])
def test_a_lost_connection_to_a_worker_is_its_end(lost: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(*arguments: object, **keywords: object) -> NoReturn:
        raise lost

    batches = iter(DataLoader([0, 1, 2], num_workers=1))
    monkeypatch.setattr(batches._data_queue, "get", get)
    with pytest.raises(UserError, match="torch does not know why"), memory_explained(config(), trains=True):
        next(batches)


HUNGRY = """
import os
import torch
from litclassify.networks import MLP
class Hungry(MLP):
    def forward(self, images):
        if len(images) > 2:  # Not at the check of the input.
            if "GPU_SAYS" in os.environ:
                raise torch.OutOfMemoryError(os.environ["GPU_SAYS"])
            torch.empty(1 << 50, dtype=torch.uint8)
        return super().forward(images)
"""


@pytest.mark.parametrize(
    ("gpu_says", "expected"),
    every(
        2,
        [
            (None, "error: The machine has not enough memory for 1048576.0 GiB more. Lower one of these:"),
            (CUDA_TEXT, "error: A GPU has not enough memory for 1.50 GiB more. Lower one of these:"),
        ],
    ),
    ids=["machine", "gpu"],
)
def test_commands_end_with_a_few_lines(
    gpu_says: str | None,
    expected: str,
    tmp_path: Path,
    fit: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if gpu_says is not None:
        monkeypatch.setenv("GPU_SAYS", gpu_says)
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
        assert expected in printed
        assert "data.batch_size is 256: --data.batch_size 128" in printed
        assert ("accumulate_grad_batches 2" in printed) == (words[0] == "fit")
        assert "Traceback" not in printed


@pytest.mark.parametrize(("of", "error"), [("forward", RuntimeError(ALLOCATOR_TEXT)), ("__init__", MemoryError())])
def test_memory_that_is_missing_before_training_names_settings(
    of: str, error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(MLP, of, wraps(getattr(MLP, of))(without_memory))
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL])
    lines = capsys.readouterr().err.partition("error: ")[2].splitlines()
    assert "That was raised in" in lines.pop()  # By the function above.
    size = " for 74.5 GiB more" if of == "forward" else ""
    assert lines == [
        f"The machine has not enough memory{size}. Lower one of these:",
        "  data.image_size is 8",
        "  model.network: a smaller one",
    ]


def test_what_a_part_has_explained_of_its_memory_stands() -> None:
    explained = UserError("explained")
    explained.__cause__ = MemoryError()
    with pytest.raises(UserError, match="^explained$"), memory_of_parts_explained(config()):
        raise explained
