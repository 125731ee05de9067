"""A short training that leaves nothing behind."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import BaseFinetuning

from litclassify.callbacks import BackboneFreezing, PatchWhitening
from litclassify.cli.trainer.errors import build_trainer
from litclassify.errors import UserError

FREEZING = (BackboneFreezing, PatchWhitening, BaseFinetuning)

SILENT = {
    "barebones": False,
    "default_root_dir": None,
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "enable_progress_bar": False,
    "fast_dev_run": False,
    "limit_train_batches": None,
    "limit_val_batches": 0,
    "logger": False,
    "max_time": None,
    "min_epochs": None,
    "min_steps": None,
    "overfit_batches": 0.0,
    "profiler": None,
}


def trial_trainer(settings: Mapping[str, Any], max_steps: int, callback: Callback) -> Trainer:
    """Build a Trainer that writes, shows and evaluates nothing.

    Args:
        settings: Arguments of the Trainer. Of its callbacks those alone take part that say which weights are trained.
        max_steps: How many the callback lets it take at most.
        callback: What looks on, and ends it.

    Raises:
        UserError: It would take several processes, or refuses the settings.
    """
    configured = settings["callbacks"] or []
    configured = configured if isinstance(configured, Sequence) else [configured]
    callbacks = [callback, *(other for other in configured if isinstance(other, FREEZING))]
    # Parts of the model go by the epochs of the run, which must not end the search: the callback does.
    own = {"callbacks": callbacks, "max_steps": -1, "max_epochs": max(max_steps, settings["max_epochs"] or 0)}
    trainer = build_trainer(Trainer, {**settings, **SILENT, **own})
    if trainer.world_size > 1:
        raise UserError(
            f"trainer.devices: a search takes one process, and these settings start {trainer.world_size}. "
            "Search with --trainer.devices 1 --trainer.num_nodes 1."
        )
    return trainer
