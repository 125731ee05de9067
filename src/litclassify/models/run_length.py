"""How long a run is meant to be."""

from lightning.pytorch import Trainer


def is_cut_short(trainer: Trainer) -> bool:
    """Say whether `fast_dev_run` ends it after some batches: its epochs are then not those that are asked for."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined] # set by Lightning's setup
