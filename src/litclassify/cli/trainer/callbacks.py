"""The callbacks of a run: what ends it early, what keeps its checkpoints, what it writes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer

from litclassify.callbacks import (
    BadImagesSummary,
    ConfiguredPatience,
    CurveLayout,
    GradientNorm,
    HyperparameterLogger,
    ImageSizeCheck,
    Interruption,
    LossGuard,
    MetricsFile,
    MonitorCheck,
    RunTexts,
    SampleImages,
    SpeedMonitor,
    TestReport,
    TestSetCheck,
    TimeLimit,
    TrainingState,
    ValidationMetrics,
)
from litclassify.cli.config.hyperparameters import flat_hyperparameters
from litclassify.cli.runs.directory import BAD_IMAGES, CHECKPOINTS, METRICS_JSON
from litclassify.data.image_files_datamodule import ImageFilesDataModule
from litclassify.errors import UserError

# Columns beside the best value of the monitored metric; TensorBoard shows the first five unasked.
HPARAMS_METRICS = ("val_acc", "val_f1", "val_loss", "test_acc", "test_f1", "test_loss")


def check_callbacks(subcommand: str, test_after_fit: bool) -> list[Callback]:
    """Give what ends a mistaken run early or warns of it; it goes before the callbacks that would fail over it."""
    if subcommand != "fit":
        return []
    return [MonitorCheck(), ImageSizeCheck(), *([TestSetCheck()] if test_after_fit else [])]


def guard_callbacks(subcommand: str) -> list[Callback]:
    """Give what ends a training that goes wrong."""
    return [LossGuard()] if subcommand == "fit" else []


def monitor_callbacks(
    settings: Mapping[str, Any],
    run_dir: Path | None,
    checkpoint: ModelCheckpoint | None,
    early_stopping: EarlyStopping | None,
) -> list[Callback]:
    """Give the callbacks of `checkpoint` and `early_stopping`, where they are not null and have something to do.

    Args:
        settings: Arguments of the Trainer; a barebones one logs no metric to go by.
        run_dir: Where checkpoints go unless they have a directory of their own; None keeps none.
        checkpoint: As configured.
        early_stopping: As configured.
    """
    callbacks: list[Callback] = []
    if checkpoint is not None and run_dir is not None and settings["enable_checkpointing"] is not False:
        checkpoint.dirpath = checkpoint.dirpath or str(run_dir / CHECKPOINTS)
        callbacks.append(checkpoint)
    if early_stopping is not None and not settings["barebones"]:
        callbacks += [ConfiguredPatience(early_stopping), early_stopping]
    return callbacks


def in_calling_order(
    configured: list[Callback], own: list[Callback], checks: list[Callback], resumption: list[Callback]
) -> list[Callback]:
    """Give callbacks in the order in which they are called.

    What undoes a bad step comes before what takes its weights, and the checkpoints to go by before others.

    Args:
        configured: Those of `trainer.callbacks`.
        own: Those of `checkpoint` and `early_stopping`.
        checks: What ends a mistaken run early.
        resumption: What lets a training stop and go on.

    Raises:
        UserError: A configured one would take the place of one that has a key of its own.
    """
    _check_places(configured, own)
    guarding, others = _divided(configured, LossGuard)
    checkpoints, stops = _divided(own, ModelCheckpoint)
    return [*checks, *guarding, *checkpoints, *others, *resumption, *stops]


def _check_places(configured: Iterable[Callback], own: Iterable[Callback]) -> None:
    """Refuse callbacks in the place of those that have keys of their own, and checkpoints of weights alone."""
    for callback in own:
        key = "checkpoint" if isinstance(callback, ModelCheckpoint) else "early_stopping"
        if any(_takes_place(other, callback) for other in configured):
            raise UserError(
                f"trainer.callbacks holds what the key {key} is for: set its arguments there, such as --{key}.monitor, "
                f"or leave that one out with --{key} null.",
                "trainer.callbacks",
            )
        if getattr(callback, "save_weights_only", False):
            raise UserError(
                "checkpoint.save_weights_only leaves out by what a run goes on, and which of its checkpoints is the "
                "best. Leave it out.",
                "checkpoint.save_weights_only",
            )


def _takes_place(other: Callback, own: Callback) -> bool:
    """Whether a callback is of no use beside our own: it does the same, or is told nothing that it does differently."""
    if isinstance(own, EarlyStopping):
        return isinstance(other, EarlyStopping)
    is_bare = type(other) is ModelCheckpoint and vars(other) == vars(ModelCheckpoint())
    return other.state_key == own.state_key or (isinstance(own, ModelCheckpoint) and is_bare)


def _divided(callbacks: list[Callback], kind: type[Callback]) -> tuple[list[Callback], list[Callback]]:
    """Give those of a class, and the others."""
    return [c for c in callbacks if isinstance(c, kind)], [c for c in callbacks if not isinstance(c, kind)]


def resumption_callbacks(subcommand: str, max_time: Any, configured: Iterable[Callback]) -> list[Callback]:
    """Give what lets a training stop at any time and go on.

    Args:
        subcommand: Of which `fit` trains.
        max_time: As the Trainer takes it; null is no limit.
        configured: Callbacks of the config, among which may be a timer.

    Raises:
        UserError: The time is none.
    """
    if subcommand != "fit":
        return []
    has_timer = any(isinstance(callback, Timer) for callback in configured)
    limits = [] if max_time is None or has_timer else [_time_limit(max_time)]
    return [TrainingState(), *limits, Interruption()]


def _time_limit(max_time: Any) -> TimeLimit:
    try:
        return TimeLimit(max_time)
    except (MisconfigurationException, TypeError) as error:
        raise UserError(f"trainer.max_time is {max_time!r}: {error}") from error


def report_callbacks(
    subcommand: str, run_dir: Path, *, tests: bool, multi_label: bool, verbose: bool
) -> list[Callback]:
    """Give what measures and reports beside the classifier itself.

    Args:
        subcommand: `fit`, `validate` or `test`.
        run_dir: Where test metrics go.
        tests: Whether there is a test.
        multi_label: Whether images have several labels, whose classifier itself logs what is standard.
        verbose: Whether to print what a test found.
    """
    callbacks: list[Callback] = [MetricsFile(run_dir / METRICS_JSON)]
    if not multi_label and subcommand != "test":
        callbacks.append(ValidationMetrics())
    if tests:
        callbacks.append(TestReport(verbose=verbose))
    return callbacks


def bad_image_callbacks(data: LightningDataModule, run_dir: Path) -> list[Callback]:
    """Give what says which images could not be read, and let the data list them in the run.

    Args:
        data: That of the run.
        run_dir: Where the list goes.
    """
    if not isinstance(data, ImageFilesDataModule) or data.on_bad_image == "error":
        return []
    data.bad_images.list_in(str(run_dir / BAD_IMAGES))
    return [BadImagesSummary(data.bad_images)]


def curve_callbacks(config: Mapping[str, Any], texts: Mapping[str, str]) -> list[Callback]:
    """Give what a training logs beside its metrics.

    Args:
        config: Configuration of `fit`.
        texts: What TensorBoard shows as text, by title.
    """
    hyperparameters = HyperparameterLogger(flat_hyperparameters(config), HPARAMS_METRICS)
    monitors = [SpeedMonitor(), GradientNorm(), LearningRateMonitor()]
    return [SampleImages(), *monitors, CurveLayout(), hyperparameters, RunTexts(texts)]


def unless_configured(ours: Iterable[Callback], configured: Iterable[Callback]) -> list[Callback]:
    """Leave out each callback in whose place the config has one of its class."""
    configured = list(configured)
    return [callback for callback in ours if not any(isinstance(other, type(callback)) for other in configured)]
