"""The machine and the versions that figures were measured with, as docs/performance.md states them.

Run: python -m benchmarks.machine
"""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("litclassify", "torch", "torchvision", "lightning", "torchmetrics", "pillow")


def describe_machine() -> str:
    """Give processor, usable CPUs, memory and GPUs in a line."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return ", ".join([_processor(), f"{_usable_cpus()} CPUs", f"{memory_gib:.0f} GiB", *gpus])


def describe_versions() -> str:
    """Give the versions of Python and of the packages that matter for speed in a line."""
    packages = [f"{name} {_version(name)}" for name in PACKAGES]
    return ", ".join([f"{platform.system()} {platform.release()}", f"Python {platform.python_version()}", *packages])


def _processor() -> str:
    """The model name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"


def main() -> None:
    """Print both lines."""
    print(describe_machine())
    print(describe_versions())


if __name__ == "__main__":
    main()
