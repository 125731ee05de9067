import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only

from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.cli.runs import directory
from litclassify.cli.runs.directory import (
    create_run_dir,
    discard_unused,
    is_training,
    lock_for_training,
    name_of_run,
    newest_run,
    run_dir_of,
    unfinished_runs,
)
from litclassify.cli.runs.launch import launch, run_to_resume
from litclassify.errors import UserError


def make_run(path: Path, best: str = "a.ckpt", files: tuple[str, ...] = ("a.ckpt", "last.ckpt")) -> Path:
    folder = path / "checkpoints"
    folder.mkdir(parents=True)
    state = {"ModelCheckpoint{'monitor': 'val_acc'}": {"best_model_path": f"/elsewhere/{best}"}}
    for name in files:
        torch.save({"state_dict": {}, "callbacks": state}, folder / name)
    return path


def test_launches_in_the_same_second_get_directories_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(20) as pool:
        runs = list(pool.map(lambda _: create_run_dir(tmp_path / "run"), range(20)))
    assert len(set(runs)) == 20
    assert all(run.is_dir() for run in runs)


def test_a_run_without_results_is_discarded_with_the_folders_made_for_it(tmp_path: Path) -> None:
    run = create_run_dir(tmp_path / "runs" / "name")
    (run / "config.fit.yaml").touch()
    discard_unused(run)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("result", ["checkpoints", "metrics.csv"])
def test_a_run_with_a_result_stays(tmp_path: Path, result: str) -> None:
    run = create_run_dir(tmp_path / "name")
    (run / result).mkdir()
    discard_unused(run)
    assert run.is_dir()


def test_the_config_of_a_run_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, member = tmp_path / "runs" / "name" / "stamp", tmp_path / "runs" / "seeds" / "stamp" / "seed_0"
    for path in (run, member):
        path.mkdir(parents=True)
        (path / "environment.fit.json").touch()
    (member.parent / "series.json").touch()
    assert name_of_run(run / "config.fit.yaml") == "name"
    assert name_of_run(member / "config.fit.yaml") == "seeds"
    monkeypatch.chdir(run)
    assert name_of_run(Path("config.fit.yaml")) == "name"
    assert name_of_run(run / "other.yaml") is None
    assert name_of_run(tmp_path / "config.fit.yaml") is None


def test_the_run_of_a_checkpoint_is_where_it_lies() -> None:
    assert run_dir_of(Path("runs/a/b/checkpoints/x.ckpt")) == Path("runs/a/b")
    assert run_dir_of(Path("downloads/x.ckpt")) is None


def test_a_run_directory_means_its_best_checkpoint_also_after_a_move(tmp_path: Path) -> None:
    run = make_run(tmp_path / "moved", best="b.ckpt", files=("a.ckpt", "b.ckpt", "last.ckpt"))
    assert resolve_checkpoint(str(run), tmp_path).name == "b.ckpt"
    assert resolve_checkpoint(f"{run}/last", tmp_path).name == "last.ckpt"


def test_best_and_last_are_those_of_the_newest_run(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        run = make_run(tmp_path / "runs" / name / "stamp")
        os.utime(run / "checkpoints", (1_000_000 - age, 1_000_000 - age))
    assert newest_run(tmp_path / "runs") == tmp_path / "runs" / "new" / "stamp"
    assert resolve_checkpoint("last", tmp_path / "runs").parent.parent.parent.name == "new"


def test_a_run_that_is_deleted_while_the_newest_is_looked_for_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, deleted = (make_run(tmp_path / name / "stamp") for name in ("newest", "deleted"))
    os.utime(deleted / "checkpoints", (1_000_000, 1_000_000))
    glob = Path.glob

    def delete(self: Path, pattern: str) -> list[Path]:
        found = list(glob(self, pattern))
        if deleted in self.parents:
            shutil.rmtree(deleted)
        return found

    monkeypatch.setattr(Path, "glob", delete)
    assert newest_run(tmp_path) == newest


@pytest.mark.parametrize("given", ["nothing", "best", "last", "empty", "empty/last"])
def test_what_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="--ckpt_path"):
        resolve_checkpoint(given, tmp_path / "runs")


def test_other_processes_of_a_launch_take_the_run_that_its_first_one_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run")
    for name in directory.LAUNCH_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(directory, "LAUNCH_WAIT_S", 0.2)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    monkeypatch.setenv("MASTER_PORT", "1234")
    lock = lock_for_training(run)
    assert run_to_resume(tmp_path) == run
    monkeypatch.setenv("MASTER_PORT", "5678")
    assert run_to_resume(tmp_path) is None
    monkeypatch.delenv("MASTER_PORT")
    assert run_to_resume(tmp_path) is None
    lock.release()
    assert run_to_resume(tmp_path) == run


def test_unfinished_runs_are_ordered_by_their_names(tmp_path: Path) -> None:
    """Not by times of files, which a copy changes."""
    names = ["2026-11-24_10-15-00", "2026-11-24_10-15-00_2", "2026-11-24_10-15-00_10", "2026-11-24_10-15-01"]
    runs = [make_run(tmp_path / name) for name in reversed(names)]
    assert unfinished_runs(tmp_path) == runs
    for run in runs:
        (run / "finished").touch()
    assert unfinished_runs(tmp_path) == []


def test_runs_without_a_checkpoint_are_not_unfinished(tmp_path: Path) -> None:
    (tmp_path / "2026-11-24_10-15-00" / "checkpoints").mkdir(parents=True)
    (tmp_path / "2026-11-24_10-15-01").mkdir()
    assert unfinished_runs(tmp_path) == []
    assert unfinished_runs(tmp_path / "missing") == []


def test_run_is_taken_by_one_training_at_a_time(tmp_path: Path) -> None:
    older, newer = make_run(tmp_path / "2026-11-24_10-15-00"), make_run(tmp_path / "2026-11-24_10-15-01")
    assert not is_training(newer)
    lock = lock_for_training(newer)
    assert is_training(newer)
    with launch():
        assert run_to_resume(tmp_path) == older
    with pytest.raises(UserError, match="Another process trains in"):
        lock_for_training(newer)
    lock.release()
    with launch():
        assert run_to_resume(tmp_path) == newer


def test_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    child = os.fork()
    if child == 0:
        lock_for_training(run)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (run / ".training.lock").exists()
    assert not is_training(run)
