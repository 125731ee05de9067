"""Which file a damaged run goes on from."""

import os
import re
from pathlib import Path

import pytest
import torch

from litclassify.cli import main
from litclassify.cli.checkpoints.io import DurableCheckpointIO
from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.errors import UserError

# From the oldest to the newest.
NAMES = ["epoch=0.ckpt", "epoch=1.ckpt", "previous.ckpt", "last.ckpt"]


@pytest.fixture
def run() -> Path:
    """A run with a few checkpoints, each with its number as the epoch."""
    folder = Path("runs/digits/2026-11-24_10-15-00/checkpoints")
    for epoch, name in enumerate(NAMES):
        DurableCheckpointIO().save_checkpoint({"state_dict": {"w": torch.arange(100.0)}, "epoch": epoch}, folder / name)
        os.utime(folder / name, (epoch, epoch))
    return folder.parent


def damage(run: Path, *names: str) -> None:
    for name in names:
        file = run / "checkpoints" / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


def test_newest_is_taken(run: Path) -> None:
    assert resolve_checkpoint(f"{run}/last", Path("runs")) == run / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize("damaged", range(1, len(NAMES)))
def test_damaged_newest_gives_the_one_before_it_and_says_so(run: Path, damaged: int) -> None:
    damage(run, *NAMES[-damaged:])
    taken = run / "checkpoints" / NAMES[-damaged - 1]
    message = f"'{run}/checkpoints/last.ckpt' is damaged. The checkpoint before it is taken: '{taken}'."
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        assert resolve_checkpoint(f"{run}/last", Path("runs")) == taken


def test_last_of_the_newest_run_falls_back_too(run: Path) -> None:
    damage(run, "last.ckpt")
    with pytest.warns(UserWarning, match="is damaged"):
        assert resolve_checkpoint("last", Path("runs")) == run / "checkpoints" / "previous.ckpt"


def test_missing_last_gives_the_one_before_it(run: Path) -> None:
    (run / "checkpoints" / "last.ckpt").unlink()
    assert resolve_checkpoint(f"{run}/last", Path("runs")) == run / "checkpoints" / "previous.ckpt"


def test_all_damaged_is_refused(run: Path) -> None:
    damage(run, *NAMES)
    with pytest.raises(UserError, match=r"last\.ckpt' is not a checkpoint that can be loaded safely: it is damaged"):
        resolve_checkpoint(f"{run}/last", Path("runs"))


def test_run_without_last_goes_on_from_its_newest(run: Path) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        (run / "checkpoints" / name).unlink()
    left = {path: path.stat().st_mtime_ns for path in (run / "checkpoints").glob("*.ckpt")}
    assert left[resolve_checkpoint(f"{run}/last", Path("runs"))] == max(left.values())


def test_file_that_vanishes_while_it_is_looked_for_is_passed_over(run: Path) -> None:
    (run / "checkpoints" / "vanished.ckpt").symlink_to("nowhere")
    assert resolve_checkpoint(str(run), Path("runs")) == run / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize("given", ["runs", "runs/digits", "runs/digits/last"])
def test_a_folder_of_runs_names_the_newest_of_them(run: Path, given: str) -> None:
    older = run.parent / "older" / "checkpoints"
    older.mkdir(parents=True)
    (older / "last.ckpt").touch()
    os.utime(older, (0, 0))
    message = f"'{given.removesuffix('/last')}' holds no 'checkpoints/*.ckpt'. Give a run directory or a file. "
    with pytest.raises(UserError, match=f"{re.escape(message)}The newest run in it is '{run}'\\.$"):
        resolve_checkpoint(given, Path("runs"))


def test_a_folder_without_runs_names_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Give a run directory or a file\.$"):
        resolve_checkpoint(str(tmp_path), Path("runs"))


def test_a_file_of_another_kind_is_no_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.yaml").write_text("model: ImageClassifier\n")
    with pytest.raises(SystemExit, match="2"):
        main(["test", "--ckpt_path", "my.yaml", "--data", "Digits"])
    printed = capsys.readouterr().err
    reason = "it is not a zip file, which is what torch.save writes."
    assert printed == f"error: 'my.yaml' is not a checkpoint that can be loaded safely: {reason}\n"


@pytest.mark.parametrize("command", ["fit", "test"])
@pytest.mark.parametrize("content", ["flipped", "truncated", "empty", "text"])
def test_damaged_file_that_is_named_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], command: str, content: str
) -> None:
    file = run / "checkpoints" / "epoch=1.ckpt"
    damage(run, file.name)
    if content != "flipped":
        file.write_bytes({"truncated": file.read_bytes()[:500], "empty": b"", "text": b"checkpoint"}[content])
    with pytest.raises(SystemExit, match="2"):
        main([command, "--ckpt_path", str(file), "--data", "Digits"])
    assert f"error: '{file}' is not a checkpoint that can be loaded safely: " in capsys.readouterr().err
