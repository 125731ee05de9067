"""What is recorded of a repository, and that nothing of it runs meanwhile."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from litclassify.cli.runs.git_state import git_state

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

CANARY = Path("canary")


def git(*words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    result = subprocess.run(["git", *identity, *words], check=False, capture_output=True, text=True)
    return result.stdout.strip()


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(make_repository(tmp_path / "repository"))


def make_repository(path: Path) -> Path:
    """One commit; then `same` is rewritten with equal content, and `changed` with other content of the same size."""
    path.mkdir()
    git("init", "--quiet", str(path))
    for name in ("changed", "same"):
        (path / name).write_text("before\n")
    git("-C", str(path), "add", ".")
    git("-C", str(path), "commit", "--quiet", "--message", "First")
    touch(path)
    return path


def touch(path: Path) -> None:
    for name, content in {"changed": "after!\n", "same": "before\n"}.items():
        (path / name).write_text(content)
        os.utime(path / name, (1, 1))


def test_commit_and_changed_files_are_those_of_git() -> None:
    Path("new").touch()
    git("rm", "--quiet", "--cached", "same")
    state = git_state()
    assert state is not None
    assert state["commit"] == git("rev-parse", "HEAD")
    assert state["changed"] == [" M changed", "D  same", "?? new", "?? same"]
    assert "\n".join(state["changed"]).strip() == git("status", "--porcelain")


def test_a_folder_inside_and_a_linked_worktree_have_their_own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("inside").mkdir()
    monkeypatch.chdir("inside")
    assert git_state() == {"commit": git("rev-parse", "HEAD"), "changed": [" M changed"]}
    git("worktree", "add", "--quiet", "../../linked")
    monkeypatch.chdir("../../linked")
    assert git_state() == {"commit": git("rev-parse", "HEAD"), "changed": []}


def test_other_object_formats_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    monkeypatch.chdir(make_repository(tmp_path / "sha256"))
    state = git_state()
    assert state == {"commit": git("rev-parse", "HEAD"), "changed": [" M changed"]}
    assert len(state["commit"]) == 64


def test_a_hook_of_another_repository_may_start_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = git_state()
    monkeypatch.setenv("GIT_DIR", str(make_repository(tmp_path / "other") / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    assert git_state() == expected


def test_nothing_is_written_into_the_repository() -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(".git").rglob("*")}
    git_state()
    assert {path: path.stat().st_mtime_ns for path in Path(".git").rglob("*")} == before


def test_outside_of_a_repository_there_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert git_state() is None


def test_without_git_there_is_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state() is None


def script(path: Path, *, output: str = "") -> str:
    """A program that leaves the canary behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch '{CANARY.absolute()}'\n{output}\n")
    path.chmod(0o755)
    return str(path.absolute())


def monitor() -> None:
    git("config", "core.fsmonitor", script(Path(".git/evil")))


def included_monitor() -> None:
    Path(".git/more").write_text(f"[core]\nfsmonitor = {script(Path('.git/evil'))}\n")
    git("config", "include.path", "more")


def worktree_monitor() -> None:
    git("config", "extensions.worktreeConfig", "true")
    git("config", "--worktree", "core.fsmonitor", script(Path(".git/evil")))


def clean_filter() -> None:
    git("config", "filter.a=b.clean", script(Path(".git/evil"), output="cat"))
    Path(".gitattributes").write_text("* filter=a=b\n")


def process_filter() -> None:
    git("config", "filter.evil.process", script(Path(".git/evil")))
    Path(".git/info/attributes").write_text("* filter=evil\n")


def hook() -> None:
    script(Path(".git/hooks/post-index-change"))


def hooks_elsewhere() -> None:
    script(Path("hooks/post-index-change"))
    git("config", "core.hooksPath", "hooks")


def submodule() -> None:
    make_repository(Path("inner"))
    git("add", "inner")
    git("-C", "inner", "config", "core.fsmonitor", script(Path("inner/.git/evil")))


def missing_object() -> None:
    """A partial clone, which fetches the tree of its commit through a program."""
    tree = git("rev-parse", "HEAD^{tree}")
    Path(".git/objects", tree[:2], tree[2:]).unlink()
    git("config", "core.repositoryFormatVersion", "1")
    git("config", "extensions.partialClone", "origin")
    git("config", "remote.origin.promisor", "true")
    git("config", "remote.origin.url", f"ext::{script(Path('.git/evil'))}")
    git("config", "protocol.ext.allow", "always")


ATTACKS = [
    monitor,
    included_monitor,
    worktree_monitor,
    clean_filter,
    process_filter,
    hook,
    hooks_elsewhere,
    submodule,
    missing_object,
]


@pytest.mark.parametrize("plant", ATTACKS)
def test_nothing_of_the_repository_runs(plant: Callable[[], None]) -> None:
    plant()
    touch(Path())
    CANARY.unlink(missing_ok=True)
    state = git_state()
    assert not CANARY.exists()
    assert state is not None
    assert state["commit"] == git("rev-parse", "HEAD")
    assert (" M changed" in (state["changed"] or [])) == (plant is not missing_object)
    git("status", "--porcelain")
    if not CANARY.exists():
        pytest.skip("this version of git does not fall for the attack even without our care")
