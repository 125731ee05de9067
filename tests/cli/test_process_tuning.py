import ctypes
import gc
import os
import subprocess
import sys

import pytest
import torch

from litclassify.cli.process_tuning import (
    ALLOCATOR_VARIABLES,
    CUDA_CHECK,
    keep_freed_memory,
    quick_cuda_check,
    uncollected_imports,
)

FAULTS = """
import resource
import numpy as np
from litclassify.cli.process_tuning import keep_freed_memory

{tuning}

def step():
    blocks = [np.ones(8 * 2**20 // 8) for _ in range(4)]  # 8 MiB each
    return blocks

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(tuning: str) -> int:
    command = [sys.executable, "-c", FAULTS.format(tuning=tuning)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the allocator of glibc is tuned")
def test_freed_memory_is_used_again(monkeypatch):
    for name in ALLOCATOR_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert faults("keep_freed_memory()") * 10 < faults("")


@pytest.mark.parametrize("name", ALLOCATOR_VARIABLES)
def test_allocator_of_the_user_is_left_alone(monkeypatch, name):
    monkeypatch.setenv(name, "")
    monkeypatch.setattr(ctypes, "CDLL", None)
    keep_freed_memory()


def test_other_c_libraries_are_left_alone(monkeypatch):
    for name in ALLOCATOR_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_freed_memory()


@pytest.mark.parametrize("enabled", [True, False])
def test_imports_are_not_collected(enabled, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    frozen = gc.get_freeze_count()
    (gc.enable if enabled else gc.disable)()
    try:
        with uncollected_imports():
            assert not gc.isenabled()
            made = [[] for _ in range(1000)]
        assert gc.isenabled() == enabled
        assert gc.get_freeze_count() >= frozen + len(made)
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_process_that_has_torch_is_left_alone():
    frozen = gc.get_freeze_count()
    with uncollected_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen


def test_without_a_device_nvml_is_not_searched_for(monkeypatch):
    monkeypatch.setenv(CUDA_CHECK, "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with quick_cuda_check():
        monkeypatch.setattr(torch.cuda, "device_count", None)  # What asks NVML.
        assert torch.cuda.is_available() == (torch._C._cuda_getDeviceCount() > 0)
    assert os.environ[CUDA_CHECK] == "1"


def test_with_a_device_processes_can_still_be_forked(monkeypatch):
    monkeypatch.setenv(CUDA_CHECK, "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with quick_cuda_check():
        assert os.environ[CUDA_CHECK] == "1"


def test_a_check_that_is_not_lightnings_is_left_alone(monkeypatch):
    monkeypatch.delenv(CUDA_CHECK, raising=False)
    with quick_cuda_check():
        assert CUDA_CHECK not in os.environ
