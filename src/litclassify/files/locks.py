"""Locks for what one of several processes does while the others wait."""

from contextlib import AbstractContextManager

from filelock import FileLock, Timeout
from lightning.pytorch.utilities import rank_zero_info


def exclusive(lock_file: str, what: str) -> AbstractContextManager[object]:
    """Give a lock that is held until the context ends; the system frees it if its process dies.

    Args:
        lock_file: Is made, and left.
        what: What another process is doing, for those who have to wait for it.
    """
    lock = FileLock(lock_file)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        rank_zero_info(f"Waiting for another process that is {what}.")
        return lock.acquire()
