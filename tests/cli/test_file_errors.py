import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from litclassify.cli.file_errors import file_errors_explained
from litclassify.cli.own_variables import RUN_DIR
from litclassify.errors import UserError


def explained(error: OSError) -> str:
    with pytest.raises(UserError) as raised, file_errors_explained():
        raise error
    return str(raised.value)


def error_of(number: int, file: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), file) if file else OSError(number, os.strerror(number))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Path:
    run = Path("runs/name/stamp")
    run.mkdir(parents=True)
    monkeypatch.setenv(RUN_DIR, str(run))
    return run


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_the_system_refuses_is_named(number: int) -> None:
    assert explained(error_of(number, "a.csv")) == f"'a.csv': {os.strerror(number)}."


def test_a_write_that_names_no_file_is_said_to_be_of_the_run(run: Path) -> None:
    assert explained(error_of(errno.ENOSPC)) == f"'{run}': No space left on device."


def test_a_run_on_a_full_disk_that_has_a_checkpoint_can_go_on(run: Path) -> None:
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    assert explained(error_of(errno.ENOSPC)).endswith(f"with room again, fit --ckpt_path {run}/last goes on.")
    assert "goes on" not in explained(error_of(errno.EROFS))


def test_a_run_that_is_gone_is_named(run: Path) -> None:
    run.rmdir()
    assert explained(error_of(errno.ENOENT, f"{run}/metrics.csv")).startswith(f"'{run}' is gone")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EBADF, errno.EINVAL])
def test_what_is_a_bug_stays_one(run: Path, number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)), file_errors_explained():
        raise error_of(number)


@pytest.mark.parametrize(("error", "shown"), [(error_of(errno.ENOSPC), 0), (ValueError("a bug"), 1)])
def test_a_thread_that_finds_the_disk_full_prints_no_traceback(
    monkeypatch: pytest.MonkeyPatch, error: Exception, shown: int
) -> None:
    seen: list[object] = []
    record: Callable[[object], None] = seen.append
    monkeypatch.setattr(threading, "excepthook", record)

    def fail() -> None:
        raise error

    with file_errors_explained():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert len(seen) == shown
    assert threading.excepthook == record
