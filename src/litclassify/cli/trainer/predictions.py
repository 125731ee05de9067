"""What predictions come from, and what is said of them at the end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from rich.console import Console

from litclassify.cli.config.keys import flatten
from litclassify.data import ImageDataModule
from litclassify.errors import UserError
from litclassify.predictions import Origin, Outcome

# What says where images are, or how they are loaded: the list of images counts, and that is known in itself.
WITHOUT_EFFECT = ("data.path", "data.num_workers", "data.root", "data.table", "data.cache_dir", "data.device_resident")


def source_of_predictions(data: LightningDataModule) -> ImageDataModule | None:
    """Give the data, if its loader says which image is which and leaves out what is predicted: ours does."""
    if isinstance(data, ImageDataModule) and type(data).predict_dataloader is ImageDataModule.predict_dataloader:
        return data
    return None


def origin_of_predictions(checkpoint: Path, config: Mapping[str, Any]) -> Origin:
    """Give all that predictions of an image, and pictures of them, depend on, by name.

    Args:
        checkpoint: The file; another of that name has another time or size.
        config: Configuration of `predict`.
    """
    status = checkpoint.stat()
    file = f"{checkpoint.resolve()} ({status.st_size} bytes, {status.st_mtime_ns} ns)"
    sections = {name: config.get(name) for name in ("data", "model")}
    settings = {key: value for key, value in flatten(sections) if key not in WITHOUT_EFFECT}
    settings |= {key: str(config[key]) for key in ("explain", "explain_class") if config.get(key) is not None}
    return {"the checkpoint": file, **settings, "trainer.precision": str(config["trainer"]["precision"])}


def print_outcome(outcome: Outcome) -> None:
    """Say what was written, how many images could not be read, and, where classes are known, how many are right.

    Raises:
        UserError: None of the images can be read.
    """
    if outcome.unreadable == outcome.rows > 0:
        raise UserError(
            f"None of the {outcome.rows} images can be read; '{outcome.path}' says why of each. {outcome.first_error}"
        )
    console = Console(highlight=False)
    console.print(f"Wrote {outcome.rows} predictions to {outcome.path}", soft_wrap=True, markup=False)
    if outcome.unreadable:
        console.print(
            f"{outcome.unreadable} of {outcome.rows} images cannot be read: the column error says why",
            soft_wrap=True,
        )
    if outcome.accuracy is not None:
        console.print(f"{'acc':<14} {outcome.accuracy:.4f}", soft_wrap=True)
