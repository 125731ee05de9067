"""Predictions as a file: one row per image."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from litclassify.callbacks.evaluation.loader_images import paths_of
from litclassify.callbacks.undefined_answers import undefined_answers
from litclassify.errors import UserError
from litclassify.files.output_places import write_refusals_named
from litclassify.models import Prediction
from litclassify.predictions import (
    FolderSorter,
    Outcome,
    Part,
    Parts,
    PredictionSet,
    PredictionSource,
    Row,
    Schema,
    check_format,
    check_replaceable,
    join_parts,
    origin_of_rows,
    places_of_process,
)

DEFAULT_TOP_K = 5


class PredictionWriter(BasePredictionWriter):
    """Write path, label, confidence and the most probable classes of each image.

    Rows come in the order of the data set. They are written to part files as they come, one per process, and joined
    under the final name when all is predicted: a file of that name is complete. Where the parts of a prediction that
    was interrupted are of the same origin, this one goes on behind them.

    Args:
        path: The file; `.csv`, `.jsonl` or `.parquet` decides its format. An earlier table of predictions is replaced.
        class_names: Names of the K classes.
        top_k: How many of the most probable classes a row lists, at least 1; all if there are fewer.
        probabilities: Whether a row has the probability of every class, too.
        label_separator: What stands between the labels of an image that may have several; None where each has one.
        source: Where images come from. None for data of which no more is known than the batches: its images are
            `predict/0`, `predict/1`, … unless the data set tells their paths, and every prediction starts anew.
        origin: What predictions depend on beside images and batches, by name.
        sort_into: Folder for the images, sorted by what is predicted; None leaves them where they are.

    Raises:
        UserError: The ending is another, `top_k` is less than 1, or the separator is part of a name.
    """

    outcome: Outcome | None = None
    """What was written, in the first process, when all is done."""

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str],
        top_k: int = DEFAULT_TOP_K,
        probabilities: bool = False,
        label_separator: str | None = None,
        source: PredictionSource | None = None,
        origin: Mapping[str, str] | None = None,
        sort_into: Path | None = None,
    ) -> None:
        super().__init__(write_interval="batch")
        check_format(path)
        if top_k < 1:
            raise UserError(f"--top_k must be at least 1, got {top_k}.")
        if top_k > len(class_names) and top_k != DEFAULT_TOP_K:
            rank_zero_info(f"--top_k {top_k} lists all {len(class_names)} classes.")
        self.path = path
        self.source = source
        self.origin = dict(origin or {})
        self.sort_into = sort_into
        self.schema = Schema(list(class_names), min(top_k, len(class_names)), probabilities, False, label_separator)
        self._sorter: FolderSorter | None = None
        self._part: Part | None = None
        self._kept_batches = 0
        self._num_rows = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the first process's path, and find what an interrupted prediction left there.

        Raises:
            UserError: Nothing can be written there, another file is there, or there are no files to sort.
        """
        self.path = trainer.strategy.broadcast(self.path)
        _check_place(self.path)
        self._parts = Parts(self.path, trainer.world_size)
        if self.sort_into is not None:
            self._sorter = self._make_sorter(self.sort_into)
        if self.source is not None:
            dataset = self.source.predict_dataset
            self.schema = replace(self.schema, labelled=bool((dataset.targets >= 0).all()))
            self.origin |= {
                **origin_of_rows(dataset.paths, self.schema),
                "data.batch_size": str(self.source.batch_size),
                "the number of processes": str(trainer.world_size),
                "the device": trainer.strategy.root_device.type,
            }
            kept = self._batches_to_keep(len(dataset.paths), trainer) if trainer.is_global_zero else 0
            self._kept_batches = trainer.strategy.broadcast(kept)
            self._num_rows = self._kept_batches * self.source.batch_size
            self.source.predicted_batches = self._kept_batches

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open this process's part.

        Raises:
            UserError: Nothing can be written there.
        """
        with write_refusals_named("--output", self.path):
            self._part = Part(self._parts.paths[trainer.global_rank], self.origin, self._kept_batches)

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Prediction,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Append a batch's rows to this process's part.

        Raises:
            UserError: There are no probabilities for an image: a logit is nan or has overflown.
        """
        assert self._part is not None
        count = len(prediction["label"])
        if self.source is None:
            # Lightning knows no indices of a loader that is not a DataLoader.
            indices = batch_indices or range(self._num_rows, self._num_rows + count)
            names = _names(trainer.predict_dataloaders, dataloader_idx, indices)
            rows = self._checked_rows(prediction, names, None, [""] * count)
        else:
            rows = self._rows_of(self.source.predict_dataset, prediction, batch, trainer)
            _forget_indices(trainer.predict_dataloaders, batch_idx)
        self._num_rows += len(rows)
        if rows:
            self._part.write_batch(rows)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Join the parts, and sort the images."""
        assert self._part is not None
        self._part.close()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            with write_refusals_named("--output", self.path):
                self.outcome = self._join(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep this process's part for a prediction that goes on, if one can."""
        if self._part is None:
            return
        self._part.close()
        if self.source is None or not self._num_rows:
            self._part.path.unlink(missing_ok=True)
        else:
            count = len(self.source.predict_dataset.paths)
            done = min(count, self._num_rows * trainer.world_size)
            rank_zero_info(f"Predicted {done} of {count} images: the same command goes on from there.")

    def _make_sorter(self, folder: Path) -> FolderSorter:
        if self.source is None or self.source.predict_dataset.in_memory:
            raise UserError(f"--sort_into '{folder}' needs image files: name them by --data.path.")
        return FolderSorter(folder)

    def _batches_to_keep(self, num_images: int, trainer: Trainer) -> int:
        """Give how many batches of each process are there already; each predicts at least one, to take part."""
        assert self.source is not None
        if trainer.limit_predict_batches != 1.0:
            return 0  # The limit would count from there.
        with write_refusals_named("--output", self.path):
            finished, difference = self._parts.finished_batches(self.origin)
        if difference:
            rank_zero_info(f"Starting anew: '{self.path}' was begun with other settings: {difference}.")
        kept = min(finished, (num_images // trainer.world_size - 1) // self.source.batch_size)
        if kept > 0:
            done = kept * self.source.batch_size * trainer.world_size
            rank_zero_info(f"Going on behind {done} of {num_images} images, which are predicted already.")
        return max(kept, 0)

    def _rows_of(self, dataset: PredictionSet, prediction: Prediction, batch: Any, trainer: Trainer) -> list[Row]:
        """Give the rows of this process's next images; beyond its share, it was given one to take part."""
        assert self.source is not None
        share = places_of_process(self.source, trainer.global_rank, trainer.world_size)[self._num_rows :]
        indices = share[: len(prediction["label"])]
        targets = dataset.targets[list(indices)] if self.schema.labelled else None
        if not indices:
            return []
        errors = next(iter(batch[2:]), [""] * len(indices))  # A third part, where there are any.
        names = [dataset.paths[index] for index in indices]
        return self._checked_rows(prediction, names, targets, errors)

    def _checked_rows(
        self, prediction: Prediction, names: Sequence[str], targets: Tensor | None, errors: Sequence[str]
    ) -> list[Row]:
        undefined = prediction["probabilities"].isnan().any(dim=1).tolist()
        bad = [name for name, error, is_bad in zip(names, errors, undefined, strict=True) if is_bad and not error]
        if bad:
            raise undefined_answers(len(bad), f"{len(names)} images of a batch", bad[0])
        return list(self.schema.rows(prediction, names, targets, errors))

    def _join(self, trainer: Trainer) -> Outcome:
        if self.source is None:
            return join_parts(self._parts, self.schema)
        paths = self.source.predict_dataset.paths
        complete = trainer.limit_predict_batches == 1.0
        return join_parts(self._parts, self.schema, paths, self._sorter, len(paths) if complete else None)


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise UserError(f"--output '{path}' lies in a directory that does not exist: create '{path.parent}'.")
    if path.is_dir():
        raise UserError(f"--output '{path}' cannot be written: it is a directory.")
    check_replaceable(path)


def _names(loaders: Any, dataloader_idx: int, indices: Iterable[int]) -> list[str]:
    """Give the files of samples, if the data set tells them, or else numbers."""
    loader = loaders[dataloader_idx] if isinstance(loaders, Sequence) else loaders
    paths = paths_of(getattr(loader, "dataset", None))
    return [str(paths[i]) if paths else f"predict/{i}" for i in indices]


def _forget_indices(loader: Any, batch_idx: int) -> None:
    """Drop the indices of a batch, which Lightning keeps until the end: 36 MB for a million images."""
    loader.batch_sampler.seen_batch_indices[batch_idx] = ()
