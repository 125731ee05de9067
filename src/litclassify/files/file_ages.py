"""Which of several files is the newest, while other processes write and delete."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """Order files or folders by when they were changed last, without those that have vanished since they were found."""
    times: dict[Path, int] = {}
    for path in paths:
        with suppress(FileNotFoundError):
            times[path] = path.stat().st_mtime_ns
    return sorted(times, key=times.__getitem__, reverse=True)
