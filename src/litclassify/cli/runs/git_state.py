"""Commit and changed files of the repository around the current directory, without running anything of its own.

A repository's configuration can name programs, which git starts even for `git status`: monitors, filters, hooks, and
helpers that fetch missing objects, also those of its submodules. A switch for each would miss the next one, so git
never sees that configuration: it compares the repository's index and objects with its files through an empty git
directory of our own.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TIMEOUT_S = 5
# A monitor from the user's own configuration would watch a directory that is gone in a moment.
STATUS = ("--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain", "--ignore-submodules=dirty")
# What git takes from the environment in place of the current directory, inside of a git hook for example.
LOCATIONS = ("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY")


def git_state() -> dict[str, Any] | None:
    """Give `{"commit": "1f6d…", "changed": [" M train.py", "?? notes.txt"]}`, as `git status --porcelain` has it.

    Returns:
        None outside of a repository. `changed` is None where git cannot tell within a few seconds.
    """
    commit = _look_up("HEAD")
    if commit is None:
        return None
    with TemporaryDirectory() as folder:
        status = _status(commit, Path(folder))
    return {"commit": commit, "changed": None if status is None else status.splitlines()}


def _status(commit: str, git_dir: Path) -> str | None:
    """Compare commit, index and files of the repository through `git_dir`, an empty folder."""
    object_format, root = _look_up("--show-object-format"), _look_up("--show-toplevel")
    index, objects = _look_up("--git-path", "index"), _look_up("--git-path", "objects")
    if root is None or index is None or objects is None:
        return None
    _git("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", str(git_dir))
    (git_dir / "HEAD").write_text(commit + "\n", encoding="utf-8")
    places = {
        "GIT_DIR": str(git_dir),
        "GIT_WORK_TREE": root,
        "GIT_INDEX_FILE": str(Path(index).absolute()),
        "GIT_OBJECT_DIRECTORY": str(Path(objects).absolute()),
    }
    return _git(*STATUS, places=places)


def _look_up(*words: str) -> str | None:
    """Give a name or path of the repository: `git rev-parse` reads its configuration, but starts no program of it."""
    return _git("rev-parse", *words)


def _git(*words: str, places: Mapping[str, str] = {}) -> str | None:
    """Give what git prints; None if it fails, is missing, or takes too long."""
    inherited = {name: value for name, value in os.environ.items() if name not in LOCATIONS}
    try:
        result = subprocess.run(  # noqa: S603 - no shell
            ["git", *words],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
            env={**inherited, **places},
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return result.stdout.rstrip()
