"""How a process is set up. All of it saves time and changes no result."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER = -1
ALLOCATOR_VARIABLES = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
MAX_KEPT_BYTES = 1 << 30
CUDA_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"


@contextmanager
def uncollected_imports() -> Iterator[None]:
    """Keep the garbage collector away from what is imported inside, if torch has not been imported before.

    It would visit the million objects of torch again and again while they are made, and once more when the process
    ends: a third of the time that a command takes to start and stop.
    """
    if "torch" in sys.modules:
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors for the next ones.

    By default it gives large blocks back to the system, which hands them out again page by page: at each step of
    ResNet-18 5,000 page faults, 7% of the step on a CPU. Blocks over 1 GiB, such as data sets, still go back. An
    allocator that the user has set up, or another C library, is left alone.
    """
    if any(name in os.environ for name in ALLOCATOR_VARIABLES):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAX_KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, NEVER)


@contextmanager
def quick_cuda_check() -> Iterator[None]:
    """Let torch remember inside that there is no CUDA device, if there is none.

    Optimizers ask at each step. Lightning makes torch ask NVML, so that processes which asked can still be forked, and
    where there is no driver that library is searched for each time: 0.2 ms, a fifth of the step of a small network.
    Without a device, there is nothing that a fork could break.
    """
    import torch  # noqa: PLC0415

    before = os.environ.get(CUDA_CHECK)
    if before != "1" or torch.cuda.device_count() > 0:
        yield
        return
    os.environ[CUDA_CHECK] = "0"
    try:
        yield
    finally:
        os.environ[CUDA_CHECK] = before
