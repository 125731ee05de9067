"""The last checkpoint of a run that goes on from an older one."""

from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from litclassify.callbacks.resuming.resumable_checkpoint import PREVIOUS
from litclassify.cli.checkpoints.checkpoint import load
from litclassify.cli.runs.directory import LAST
from litclassify.errors import UserError
from litclassify.files.durable_files import copy, link


@rank_zero_only
def make_last(checkpoint: Path) -> None:
    """Let a checkpoint be the last one of its run, and the one before it as well.

    So the run goes on from there again if it is killed before it writes the next one, and not from a checkpoint that
    is newer than its logs. Of a last one that is damaged, all names go: they are of the same file.

    Args:
        checkpoint: In the folder with the checkpoints of a run.

    Raises:
        OSError: The folder cannot be written to, or is full.
    """
    last, previous = checkpoint.with_name(LAST), checkpoint.with_name(PREVIOUS)
    if not last.exists() or last.samefile(checkpoint):
        return
    if _is_damaged(last):
        for name in [path for path in last.parent.glob("*.ckpt") if path != last and path.samefile(last)]:
            name.unlink()
    copy(checkpoint, last)
    if checkpoint != previous:
        link(checkpoint, previous)


def _is_damaged(checkpoint: Path) -> bool:
    try:
        load(checkpoint)
    except UserError:
        return True
    return False
