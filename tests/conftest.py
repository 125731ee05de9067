"""What all tests share: one thread each, a directory of their own, and small runs of the command line."""

import gc
import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch  # noqa: F401 - its loggers keep the stream of errors that there is when it is imported
import numpy as np
import pytest
import torch
from PIL import Image

from litclassify.cli import main

REPOSITORY = Path(__file__).parent.parent
CONFIGS = REPOSITORY / "configs"

# A run of two epochs in a second: enough to log, checkpoint and choose the best.
SMALL = [
    *["--data", "Digits", "--data.batch_size", "256"],
    *["--model.network", "MLP", "--model.network.in_features", "64"],
    *["--model.optimizer", "AdamW", "--model.optimizer.lr", "0.01"],
    *["--trainer.max_epochs", "2", "--trainer.accelerator", "cpu"],
    *["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"],
]


def every(n: int, cases: Iterable[Any]) -> list[Any]:
    """Give cases of which every n-th is in the fast suite, and the others are `slow`."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=[pytest.mark.slow] if i % n else [])
        for i, case in enumerate(cases)
    ]


def pytest_collection_finish() -> None:
    # The million objects that are imported and collected stay: the garbage collector need not look at them so often.
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    # Weights and images that a test or its fixtures draw without a seed are the same in any order of tests. This comes
    # before all fixtures, also those of a module.
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # Tests run in parallel: more threads than cores make them many times slower. And fixtures of a module, which come
    # before those of a test, compute what tests compare with to the last bit.
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _disks_are_not_waited_for() -> Iterator[None]:
    # A run writes to the disk some twenty times, a fifth of its time; what that is for, tests see by fsync's calls.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    environment = dict(os.environ)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Path]:
    """Run `fit` on digits with further words; gives the directory of the run."""

    def run(*words: str) -> Path:
        main(["fit", *SMALL, *words])
        runs = sorted((tmp_path / "runs").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)
        return runs[-1].relative_to(tmp_path)

    return run


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """A folder of two classes that a network can tell apart: 12 dark and 12 bright images, 16x16."""
    for label, base in (("bright", 200), ("dark", 20)):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (16, 16), (base + i, base, base + 2 * i)).save(folder / f"{i:02}.png")
    return tmp_path / "images"
