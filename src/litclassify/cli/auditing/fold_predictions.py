"""Out-of-sample probabilities of the runs that `fit --folds` leaves."""

import os
from pathlib import Path
from typing import cast

from torch import cat

from litclassify.audit.predictions import KnownProbabilities
from litclassify.cli.auditing.predicting import Predicting, quiet_trainer
from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.cli.runs.directory import SERIES
from litclassify.data import ImageDataset
from litclassify.errors import UserError
from litclassify.suggestions import some_of


def is_series(path: Path) -> bool:
    """Whether a path is a directory that `fit --folds` or `fit --repeat` left."""
    return os.path.isfile(path / SERIES)


def add_folds(known: KnownProbabilities, series: Path) -> None:
    """Predict with the best checkpoint of each fold what it was validated on, and never trained on.

    Args:
        known: Where the probabilities go.
        series: Directory of `fit --folds`.

    Raises:
        UserError: There are no folds, one has no checkpoint, or their classes or images are others.
    """
    if known.in_memory:
        raise UserError(
            f"--predictions '{series}': images in memory are numbered within their split, which each fold divides "
            "otherwise. Folds are for image files."
        )
    folds = sorted(series.glob("fold_*"))
    if not folds:
        raise UserError(f"--predictions '{series}' has no folds: give the directory of fit --folds.")
    for fold in folds:
        checkpoint = resolve_checkpoint(str(fold), series)
        run = Predicting("validate", checkpoint)
        run.datamodule.prepare_data()
        run.datamodule.setup("validate")
        loader = run.datamodule.val_dataloader()
        predictions = quiet_trainer().predict(run.model, loader)
        assert predictions is not None
        probabilities = cat([batch["probabilities"].cpu() for batch in predictions])  # type: ignore[call-overload]
        if list(run.model.class_names) != known.class_names:
            raise UserError(f"--predictions '{fold}': the classes are others, {some_of(run.model.class_names)}.")
        paths = cast(ImageDataset, loader.dataset).paths
        added = [known.add(path, row) for path, row in zip(paths, probabilities.float().numpy(), strict=True)]
        if not any(added):
            raise UserError(f"--predictions '{fold}': none of its images is here, such as '{paths[0]}'.")
