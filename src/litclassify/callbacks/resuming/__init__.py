"""A training that stops anywhere goes on as if it had not: what that takes beyond Lightning's checkpoints."""

from litclassify.callbacks.resuming.epoch_loop import ResumableEpochLoop
from litclassify.callbacks.resuming.position import Position, position_of, stored_progress
from litclassify.callbacks.resuming.process_state import gather, process_state, restore_random_state, restore_sums

__all__ = [
    "Position",
    "ResumableEpochLoop",
    "gather",
    "position_of",
    "process_state",
    "restore_random_state",
    "restore_sums",
    "stored_progress",
]
