"""What a user sees while a command runs: our progress bar and summary, and less of what Lightning prints."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.callbacks import ModelSummary, ProgressBar

from litclassify.callbacks import DataSummary, EpochProgressBar, NetworkSummary, ParameterGroupTable
from litclassify.cli import own_variables
from litclassify.data import ImageDataModule
from litclassify.data.description import describe
from litclassify.terminal import printable

# The data modules choose the number of workers by what is fastest for their data.
WORKERS_ADVICE = r".*does not have many workers which may be a bottleneck.*"
# A run that is resumed goes on in its own directory.
NOT_EMPTY = r"Checkpoint directory .* exists and is not empty.*"
# A continuation under a name of its own keeps its checkpoints in its own run.
OTHER_DIRECTORY = r"The dirpath has changed from .*"
# Lightning's own use of torch: https://github.com/Lightning-AI/pytorch-lightning/issues/21326
LEAF_SPEC = r".*isinstance\(treespec, LeafSpec\).*"
# Who asks for a barebones Trainer knows that it logs nothing.
BAREBONES = r"You are trying to `self.log\(\)` but `Trainer\(barebones=True\)`.*"
# Weights are kept in 32 bits under mixed precision, as the summary counts them.
MIXED_PRECISION = r"Precision .*-mixed is not supported by the model summary.*"
# A run that goes on without a limit that it had does so on purpose.
LIMITS_LIFTED = r"Be aware that when using `ckpt_path`.* callbacks: \[(.(Timer|EarlyStopping)(\{[^}]*\})?.(, )?)+\]\."
# The default interval is nobody's choice, and loses nothing: steps are counted over all epochs.
FEW_BATCHES = r"The number of training batches .* Trainer\(log_every_n_steps=10\).*"
NEEDLESS = (
    *(WORKERS_ADVICE, NOT_EMPTY, OTHER_DIRECTORY, LEAF_SPEC, BAREBONES, MIXED_PRECISION, LIMITS_LIFTED),
    FEW_BATCHES,
)
# An evaluation needs none of the monitors and other callbacks of a training.
CALLBACKS_OF_TRAINING = r"Be aware that when using `ckpt_path`, callbacks used to create the checkpoint .*"
# Advertisements, what this application decides itself, the usual end of a training (written across the bar), and the
# first of two lines that name the loaded checkpoint.
NOISE = (
    "💡 Tip",
    "TPU available",
    "Trainer already configured with model summary callbacks",
    "Loading `train_dataloader` to estimate",
    "`Trainer.fit` stopped: `max_epochs=",
    "`Trainer.fit` stopped: `max_steps=",
    "Restoring states from the checkpoint path",
)
# Repeated for each seed that is set and each Trainer that is built.
OF_EACH_TRAINING = ("Seed set to", "GPU available", "LOCAL_RANK", "Using ", "`Trainer(limit_", "`Trainer.fit` stopped")

# What the console shows by default: the Trainer's switch, the kind of callback that takes its place, and ours.
SHOWN: tuple[tuple[str, type[Callback], type[Callback]], ...] = (
    ("enable_progress_bar", ProgressBar, EpochProgressBar),
    ("enable_model_summary", ModelSummary, NetworkSummary),
    ("enable_model_summary", ParameterGroupTable, ParameterGroupTable),
)


def console_callbacks(
    settings: Mapping[str, Any], configured: Sequence[Callback], data: LightningDataModule
) -> list[Callback]:
    """Give the progress bar and the summaries of data and network, unless switched off or in the config itself.

    Args:
        settings: Arguments of the Trainer.
        configured: The callbacks that it has already.
        data: What the summary of the data is of, where it can say.
    """
    if settings["barebones"]:
        return []
    summaries: list[Callback] = []
    if settings["enable_model_summary"] is not False and isinstance(data, ImageDataModule):
        summaries.append(DataSummary(partial(describe, data)))
    return summaries + [
        ours()
        for switch, kind, ours in SHOWN
        if settings[switch] is not False and not any(isinstance(callback, kind) for callback in configured)
    ]


def _is_worth_showing(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(NOISE)


def _is_not_repeated(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(OF_EACH_TRAINING)


def _show_names(record: logging.LogRecord) -> bool:
    """Spell out what a terminal would obey in the names that a message holds."""
    record.msg, record.args = printable(record.getMessage(), keep="\n"), ()
    return True


def _in_words(
    format_warning: Callable[..., str], message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> str:
    """Give a warning to the user as its text; one to developers with the line of code, as Python does."""
    is_users = issubclass(category, UserWarning) and os.environ.get(own_variables.DEBUG) != "1"
    return f"warning: {message}\n" if is_users else format_warning(message, category, *where, **more)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Leave out advertisements, and warnings about what this application decides itself; show names as they are."""
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    format_warning = warnings.formatwarning
    logger.addFilter(_is_worth_showing)
    logger.addFilter(_show_names)
    try:
        warnings.formatwarning = lambda *what, **where: printable(_in_words(format_warning, *what, **where), keep="\n")
        with warnings.catch_warnings():
            for message in NEEDLESS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        warnings.formatwarning = format_warning
        logger.removeFilter(_show_names)
        logger.removeFilter(_is_worth_showing)


@contextmanager
def quiet_trials() -> Iterator[None]:
    """Leave out what Lightning says of each of many short trainings, and would of the run as well."""
    loggers = [
        logging.getLogger(f"lightning.{name}") for name in ("pytorch.utilities.rank_zero", "fabric.utilities.seed")
    ]
    for logger in loggers:
        logger.addFilter(_is_not_repeated)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_not_repeated)
