"""What predictions come from, and what is said of them at the end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import Callback, LightningDataModule
from rich.console import Console

from litclassify.callbacks import PredictionExplainer, PredictionWriter
from litclassify.cli.config.keys import flatten
from litclassify.cli.runs.directory import PREDICTIONS
from litclassify.data import ImageDataModule
from litclassify.errors import UserError
from litclassify.models import ImageClassifier
from litclassify.predictions import Origin, Outcome, separator_of
from litclassify.terminal import printable

# What says where images are, or how they are loaded: the list of images counts, and that is known in itself.
WITHOUT_EFFECT = ("data.path", "data.num_workers", "data.root", "data.table", "data.cache_dir", "data.device_resident")


def prediction_callbacks(
    config: Namespace, run_dir: Path, model: ImageClassifier, data: LightningDataModule, origin: Origin
) -> list[Callback]:
    """Give what explains each image, if asked to, and then writes its row: a row stands for what is done.

    Args:
        config: Of `predict`.
        run_dir: Where predictions go, unless the config says otherwise.
        model: Predicts.
        data: What is predicted.
        origin: All that predictions of an image depend on.

    Raises:
        UserError: A class to explain is named, and no folder.
    """
    source = source_of_predictions(data)
    return [*_explainer(config, model, source), _writer(config, run_dir, model, data, source, origin)]


def _explainer(config: Namespace, model: ImageClassifier, source: ImageDataModule | None) -> list[PredictionExplainer]:
    if config.explain is None:
        if config.explain_class is not None:
            raise UserError("--explain_class has no effect without --explain DIR.")
        return []
    return [PredictionExplainer(Path(config.explain).expanduser(), model.class_names, config.explain_class, source)]


def _writer(
    config: Namespace,
    run_dir: Path,
    model: ImageClassifier,
    data: LightningDataModule,
    source: ImageDataModule | None,
    origin: Origin,
) -> PredictionWriter:
    if source is not None and not model.multi_label:
        source.folder_classes = model.class_names
    return PredictionWriter(
        Path(config.output or run_dir / PREDICTIONS).expanduser(),
        model.class_names,
        config.top_k,
        config.probabilities,
        label_separator=separator_of(data) if model.multi_label else None,
        source=source,
        origin=origin,
        sort_into=None if config.sort_into is None else Path(config.sort_into).expanduser(),
    )


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
    console.print(printable(f"Wrote {outcome.rows} predictions to {outcome.path}"), soft_wrap=True, markup=False)
    if outcome.unreadable:
        console.print(
            f"{outcome.unreadable} of {outcome.rows} images cannot be read: the column error says why",
            soft_wrap=True,
        )
    if outcome.accuracy is not None:
        console.print(f"{'acc':<14} {outcome.accuracy:.4f}", soft_wrap=True)
