"""What a run was made with, so that it can be understood and repeated."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from litclassify.cli.runs.git_state import git_state
from litclassify.cli.runs.invocation import shell_command

PACKAGES = (
    "litclassify",
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "jsonargparse",
    "numpy",
    "pillow",
    "tensorboard",
)


def make_record(config: str, typed: Sequence[str], seed: int | bool, variables: Iterable[str]) -> dict[str, str]:
    """Give what `save_record` writes: the configuration, and what `describe_environment` says of the rest, as JSON."""
    return {"config": config, "environment": json.dumps(describe_environment(typed, seed, variables), indent=2)}


def describe_environment(typed: Sequence[str], seed: int | bool, variables: Iterable[str]) -> dict[str, Any]:
    """Give command line, environment variables, versions, git state, hardware and seed as plain values.

    Args:
        typed: The words of the command line, with `--allow_import`.
        seed: What it was seeded with.
        variables: Names of the environment variables that set arguments.
    """
    return {
        "command": shell_command(typed, typed),
        "variables": {name: os.environ[name] for name in variables},
        "directory": str(Path.cwd()),
        "seed": seed,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_state(),
        "platform": platform.platform(),
        "cpu": {"machine": platform.machine(), "count": os.cpu_count(), "threads": torch.get_num_threads()},
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
