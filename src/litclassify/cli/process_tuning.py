"""How a process is set up before it loads torch. Both save time and change no result."""

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
