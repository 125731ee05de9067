import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from litclassify.cli import main
from litclassify.cli.own_variables import RUN_DIR
from litclassify.cli.series import batch_halving, loop

Ending = int | type[BaseException]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Train in this process what is to have one of its own: to start one takes seconds. Gives the words of each."""
    seen: list[list[str]] = []

    def run(words: list[str], run_dir: Path, typed: list[str]) -> int:
        seen.append(words)
        os.environ[RUN_DIR] = str(run_dir)
        try:
            main(words)
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    for module in (loop, batch_halving):
        monkeypatch.setattr(module, "run_process", run)
    return seen


class Stub:
    """In place of processes: runs that write what a training of one epoch writes, and end as told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []
        self.endings: dict[str, Ending] = {}
        self.leaves_results = False  # Of a run that ends with a user's mistake.

    def __call__(self, words: list[str], run_dir: Path, typed: list[str]) -> int:
        self.calls.append((run_dir.name, words))
        ending = self.endings.get(run_dir.name, 0)
        if ending == 2 and not self.leaves_results:
            return ending
        value = 0.5 + 0.1 * (len(self.calls) % 4)
        (run_dir / "checkpoints").mkdir(exist_ok=True)
        (run_dir / "checkpoints" / "last.ckpt").touch()
        monitor = {"init_args": {"monitor": "val_acc", "mode": "max"}}
        (run_dir / "config.fit.yaml").write_text(yaml.safe_dump({"checkpoint": monitor}))
        (run_dir / "metrics.csv").write_text(f"epoch,step,val_acc,best_val_acc\n0,0,{value},\n0,1,,{value}\n")
        if not isinstance(ending, int):
            raise ending
        (run_dir / "metrics.json").write_text(json.dumps({"test_acc": value}))
        return ending


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub()
    monkeypatch.setattr(loop, "run_process", stub)
    return stub


@pytest.fixture
def series_dir() -> Callable[[], Path]:
    """Give the only series."""

    def find() -> Path:
        (folder,) = Path("runs").glob("*/*")
        return folder

    return find
