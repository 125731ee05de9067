"""A run that goes on from an older checkpoint has no newer one to go on from."""

import os
from pathlib import Path

import pytest
import torch

from litclassify.cli.checkpoints.io import DurableCheckpointIO
from litclassify.cli.checkpoints.last import make_last

# As a run leaves them: what is best, and was written last, has two names.
SAME = {"epoch=2.ckpt": "last.ckpt", "epoch=1.ckpt": "previous.ckpt"}


@pytest.fixture
def folder() -> Path:
    """Checkpoints of three epochs, each with its number."""
    folder = Path("runs/digits/2026-11-24_10-15-00/checkpoints")
    for epoch, name in enumerate(("epoch=0.ckpt", "previous.ckpt", "last.ckpt")):
        DurableCheckpointIO().save_checkpoint({"state_dict": {"w": torch.arange(100.0)}, "epoch": epoch}, folder / name)
    for name, source in SAME.items():
        os.link(folder / source, folder / name)
    return folder


def epochs(folder: Path) -> dict[str, int]:
    return {path.name: torch.load(path, weights_only=True)["epoch"] for path in sorted(folder.glob("*.ckpt"))}


def damage(file: Path) -> None:
    with file.open("r+b") as content:
        content.seek(300)
        content.write(b"damaged")


def test_an_older_one_becomes_the_last_and_the_one_before_it(folder: Path) -> None:
    make_last(folder / "epoch=0.ckpt")
    assert epochs(folder) == {
        "epoch=0.ckpt": 0,
        "epoch=1.ckpt": 1,
        "epoch=2.ckpt": 2,
        "last.ckpt": 0,
        "previous.ckpt": 0,
    }
    assert not (folder / "last.ckpt").samefile(folder / "previous.ckpt")


@pytest.mark.parametrize("name", ["last.ckpt", "epoch=2.ckpt"])
def test_the_last_one_stays_by_whichever_name(folder: Path, name: str) -> None:
    before = epochs(folder)
    inode = (folder / "last.ckpt").stat().st_ino
    make_last(folder / name)
    assert epochs(folder) == before
    assert (folder / "last.ckpt").stat().st_ino == inode


def test_damaged_last_goes_with_its_other_names(folder: Path) -> None:
    """They would be in the way of the names that the training gives when it gets there again."""
    damage(folder / "last.ckpt")
    make_last(folder / "previous.ckpt")
    assert epochs(folder) == {"epoch=0.ckpt": 0, "epoch=1.ckpt": 1, "last.ckpt": 1, "previous.ckpt": 1}
    assert not (folder / "last.ckpt").samefile(folder / "previous.ckpt")


def test_a_run_that_keeps_no_last_one_gets_none(folder: Path) -> None:
    (folder / "last.ckpt").unlink()
    make_last(folder / "epoch=0.ckpt")
    assert not (folder / "last.ckpt").exists()
