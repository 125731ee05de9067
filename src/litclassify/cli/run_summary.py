"""What a person wants to know when training has ended."""

from pathlib import Path

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console


@rank_zero_only
def print_run_summary(trainer: Trainer, run_dir: Path) -> None:
    """Print the best metric, its epoch and checkpoint, and how to test and view the run."""
    rows = [("run", str(run_dir))]
    checkpoint = trainer.checkpoint_callback
    if isinstance(checkpoint, ModelCheckpoint) and checkpoint.best_model_path:
        rows = [*_best(checkpoint), ("test it", f"python main.py test --ckpt_path {run_dir}")]
    rows.append(("view it", f"tensorboard --logdir {run_dir.parent.parent}"))
    console = Console(highlight=False)
    console.rule("Training finished", align="left", characters="─")
    for name, value in rows:
        # Paths and commands are there to be copied: they are never folded or cut.
        console.print(f"[bold]{name:<14}[/bold] {value}", soft_wrap=True)


def _best(checkpoint: ModelCheckpoint) -> list[tuple[str, str]]:
    epoch = torch.load(checkpoint.best_model_path, map_location="cpu", weights_only=True, mmap=True)["epoch"]
    rows = [("checkpoint", checkpoint.best_model_path)]
    if checkpoint.monitor is not None and checkpoint.best_model_score is not None:
        score = f"{float(checkpoint.best_model_score):.4f} (epoch {epoch})"
        rows = [(f"best {checkpoint.monitor}", score), *rows]
    return rows
