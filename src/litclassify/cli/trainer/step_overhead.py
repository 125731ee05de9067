"""What Lightning does at every step, whether or not anything comes of it."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch import Callback
from lightning.pytorch.profilers import PassThroughProfiler

STEP_HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
NOTHING = nullcontext("")


class NoProfiler(PassThroughProfiler):
    """Lightning's default profiler without its cost: that one builds a hundred context managers a step."""

    def profile(self, action_name: str) -> AbstractContextManager[str]:  # type: ignore[override] # a generator there
        """Give a context that does nothing."""
        return NOTHING


def skip_empty_hooks(callbacks: Iterable[Callback]) -> None:
    """Spare the calls of hooks that a callback does not define; Lightning passes over a hook that is not a function.

    Each such call composes the callback's state key, for the profiler: with the callbacks of a run, 80 at every step.
    """
    for callback in callbacks:
        for hook in STEP_HOOKS:
            if getattr(type(callback), hook) is getattr(Callback, hook):
                setattr(callback, hook, None)
