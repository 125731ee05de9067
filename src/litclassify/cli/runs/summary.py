"""What a person wants to know when a command has ended."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.text import Text

from litclassify.callbacks import TestReport
from litclassify.callbacks.resuming.time_limit import stopped_by_time
from litclassify.cli.runs.directory import CHECKPOINTS
from litclassify.cli.runs.invocation import shell_command
from litclassify.cli.runs.slurm import requeue_job
from litclassify.cli.trust.flag import opening_words
from litclassify.data import ImageDataModule
from litclassify.errors import InterruptedBySignal, UserError
from litclassify.files.safe_loading import load_safely
from litclassify.lightning_state import steps_taken

Rows = Iterator[tuple[str, str]]


@rank_zero_only
def print_early_end(trainer: Trainer, first_step: int | None) -> None:
    """Say which early stopping ended the training, if one did, or that a resumed one had ended before.

    Args:
        trainer: The trainer, straight after `fit`: loading a checkpoint puts its callbacks back to that time.
        first_step: The step that a resumed training went on with; None for others.
    """
    if first_step is not None and steps_taken(trainer) == first_step:
        text = "Nothing was left to train: the checkpoint is the end of its run. "
        text += "To go on, raise trainer.max_epochs or trainer.max_steps."
        Console(highlight=False).print(Text(text), soft_wrap=True)
    for stopping in trainer.early_stopping_callbacks:
        assert isinstance(stopping, EarlyStopping)
        # The reason alone may be that of an earlier training, which this one resumed.
        if trainer.should_stop and stopping.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
            text = f"Stopped early after epoch {stopping.stopped_epoch}: {_reason(stopping)}"
            Console(highlight=False).print(Text(text), soft_wrap=True)


@rank_zero_only
def print_run_summary(trainer: Trainer, run_dir: Path, typed: Sequence[str]) -> None:
    """Print the best metric and checkpoint, what a test found or how to have one, and how to view the run.

    Args:
        trainer: The trainer, when all is done.
        run_dir: Directory of the run.
        typed: The words of the command line.
    """
    is_stopped = stopped_by_time(trainer)
    checkpoint = trainer.checkpoint_callback
    last = _last(run_dir, getattr(checkpoint, "last_model_path", ""))
    go_on = shell_command(typed, ["fit", *opening_words(typed), "--ckpt_path", last, "--trainer.max_time", "null"])
    best = checkpoint if isinstance(checkpoint, ModelCheckpoint) and checkpoint.best_model_path else None
    _print(
        "Stopped by trainer.max_time" if is_stopped else "Training finished",
        [
            *(_best(best) if best else ()),
            *_metrics(trainer, "test_"),
            *_report(trainer),
            *([("checkpoint", best.best_model_path)] if best else [("run", str(run_dir))]),
            *(_evaluate(trainer, run_dir, typed) if best else ()),
            *([("go on", go_on)] if is_stopped and checkpoint is not None else []),
            *_view(trainer, run_dir),
        ],
    )


@rank_zero_only
def print_metrics(trainer: Trainer, title: str) -> None:
    """Print the metrics of an evaluation, to 4 decimals, and where its report is."""
    _print(title, [*_metrics(trainer, ""), *_report(trainer)])


@rank_zero_only
def report_interruption(stop: InterruptedBySignal, run_dir: Path | None, typed: Sequence[str]) -> None:
    """Say what was saved of a training that a signal ended, and how to go on; under SLURM, ask for the job again."""
    rows = []
    if stop.checkpoint and run_dir is not None:
        go_on = shell_command(typed, ["fit", *opening_words(typed), "--ckpt_path", _last(run_dir, stop.checkpoint)])
        rows = [("saved", stop.checkpoint), ("go on", go_on)]
    _print(f"Stopped by {stop.signal.name}", rows)
    if stop.signal.name == "SIGUSR1":
        requeue_job()


def _last(run_dir: Path, file: str) -> str:
    """Give the short name of a last checkpoint that lies in its run, and its path if it lies elsewhere."""
    return f"{run_dir}/last" if Path(file).resolve().parent == (run_dir / CHECKPOINTS).resolve() else file


def _best(checkpoint: ModelCheckpoint) -> Rows:
    if checkpoint.monitor is None or checkpoint.best_model_score is None:
        return
    score = f"{float(checkpoint.best_model_score):.4f}"
    with suppress(UserError):  # It may have been moved away meanwhile, or be damaged: what was trained is still told.
        epoch = load_safely(Path(checkpoint.best_model_path), "the best checkpoint", mmap=True)["epoch"]
        score += f" (epoch {epoch})"
    yield f"best {checkpoint.monitor}", score


def _reason(stopping: EarlyStopping) -> str:
    if stopping.stopping_reason == EarlyStoppingReason.PATIENCE_EXHAUSTED:
        return f"{stopping.monitor} did not improve (patience {stopping.patience})."
    return (stopping.stopping_reason_message or "").removesuffix(" Signaling Trainer to stop.")


def _metrics(trainer: Trainer, prefix: str) -> Rows:
    for name, value in sorted(trainer.callback_metrics.items()):
        if name.startswith(prefix):
            yield name, f"{float(value):.4f}"


def _report(trainer: Trainer) -> Rows:
    for callback in trainer.callbacks:  # type: ignore[attr-defined] # set by Lightning's connector
        if isinstance(callback, TestReport) and callback.page is not None:
            yield "report", str(callback.page)


def _evaluate(trainer: Trainer, run_dir: Path, typed: Sequence[str]) -> Rows:
    """Give the command of a test, where it has not been made and there are images for it; else of a validation."""
    if any(name.startswith("test_") for name in trainer.callback_metrics):
        return
    data = trainer.datamodule  # type: ignore[attr-defined] # set by Lightning's data connector
    has_none = isinstance(data, ImageDataModule) and data.num_images("test") == 0
    command, title = ("validate", "validate it") if has_none else ("test", "test it")
    yield title, shell_command(typed, [command, *opening_words(typed), "--ckpt_path", str(run_dir)])


def _view(trainer: Trainer, run_dir: Path) -> Rows:
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logs = run_dir.parent.parent if Path(logger.log_dir) == run_dir else Path(logger.save_dir)
            yield "view it", shlex.join(["tensorboard", "--logdir", str(logs)])


def _print(title: str, rows: Iterable[tuple[str, str]]) -> None:
    console = Console(highlight=False)
    console.rule(title, align="left", characters="─")
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        # Paths and commands are there to be copied: they are never folded or cut, and no bracket in them is markup.
        console.print(Text.assemble((f"{name:<{width}}", "bold"), " ", value), soft_wrap=True)
