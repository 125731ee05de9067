"""Where Lightning's loops stand.

Lightning has no public way to ask for any of this; pinning `lightning<2.7` keeps the private names in place.
"""

from lightning.pytorch import Trainer


def steps_taken(trainer: Trainer) -> int:
    """Give the steps of the training so far, by which Lightning's loggers count: with several optimizers one for all.

    `trainer.global_step` counts each optimizer's.
    """
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def logs_now(trainer: Trainer) -> bool:
    """Whether the loggers get what is logged in the step that is under way: each `log_every_n_steps`-th does."""
    return trainer._logger_connector.should_update_logs


def epoch_is_whole(trainer: Trainer) -> bool:
    """Whether all batches of the training epoch have been run: `max_steps` may end one before."""
    return trainer.fit_loop.epoch_loop._num_ready_batches_reached()


def validates_by_the_clock(trainer: Trainer) -> bool:
    """Whether `val_check_interval` is a time."""
    return getattr(trainer, "_val_check_time_interval", None) is not None
