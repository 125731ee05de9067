"""Predictions as a file: one row per image."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Any, TextIO

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from rich.console import Console

from litclassify.errors import UserError
from litclassify.models import Prediction

SUFFIXES = (".csv", ".jsonl")


class PredictionWriter(BasePredictionWriter):
    """Write path, label, confidence and the most probable classes of each image.

    Images of a data set that does not tell their paths are `predict/0`, `predict/1`, …

    Rows come in the order of the data set. They are written to part files as they come, one per process, and joined
    under the final name when all is predicted: a file of that name is complete.

    Args:
        path: The file; `.csv` or `.jsonl` decides its format. An earlier one is replaced.
        class_names: Names of the K classes.
        top_k: How many of the most probable classes a row lists; all if there are fewer.
        label_separator: What stands between the labels of an image that has several.

    Raises:
        UserError: Another file ending.
    """

    def __init__(self, path: Path, class_names: Sequence[str], top_k: int = 5, label_separator: str = ";") -> None:
        super().__init__(write_interval="batch")
        if path.suffix not in SUFFIXES:
            raise UserError(f"--output must end in {' or '.join(SUFFIXES)}, got '{path}'.")
        self.path = path
        self.class_names = list(class_names)
        self.top_k = min(top_k, len(self.class_names))
        self.label_separator = label_separator
        self._part: TextIO | None = None
        self._num_rows = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the first process's path.

        Raises:
            UserError: Its directory does not exist.
        """
        self.path = trainer.strategy.broadcast(self.path)
        folder = self.path.parent
        if not folder.is_dir():
            raise UserError(f"--output '{self.path}' lies in a directory that does not exist: create '{folder}'.")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open this process's part.

        Raises:
            UserError: Nothing can be written there.
        """
        try:
            self._part = self._part_path(trainer.global_rank).open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise UserError(f"--output '{self.path}' cannot be written: {error.strerror}.") from error

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
        """Append a batch's rows to this process's part."""
        assert self._part is not None
        # Lightning knows no indices of a loader that is no DataLoader.
        indices = batch_indices or range(self._num_rows, self._num_rows + len(prediction["label"]))
        for row in self._rows(prediction, _names(trainer.predict_dataloaders, dataloader_idx, indices)):
            self._part.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._num_rows += 1

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Join the parts."""
        assert self._part is not None
        self._part.close()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            count = self._join([self._part_path(rank) for rank in range(trainer.world_size)])
            Console().print(f"Wrote {count} predictions to {self.path}", soft_wrap=True, highlight=False)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove this process's part."""
        if self._part is not None:
            self._part.close()
            self._part_path(trainer.global_rank).unlink(missing_ok=True)

    def _part_path(self, rank: int) -> Path:
        return self.path.with_name(f".{self.path.name}.part{rank}")

    def _rows(self, prediction: Prediction, paths: list[str]) -> Iterator[dict[str, Any]]:
        confidences, indices = prediction["probabilities"].topk(self.top_k, dim=1)
        top = zip(paths, prediction["label"], confidences.tolist(), indices.tolist(), strict=True)
        for path, named, row_confidences, row_indices in top:
            label = named if isinstance(named, str) else self.label_separator.join(named)
            row: dict[str, Any] = {"path": path, "label": label, "confidence": row_confidences[0]}
            for k, (index, confidence) in enumerate(zip(row_indices, row_confidences, strict=True), start=1):
                row[f"top{k}"] = self.class_names[index]
                row[f"top{k}_confidence"] = confidence
            yield row

    def _join(self, parts: list[Path]) -> int:
        joined = self.path.with_name(f".{self.path.name}.joined")
        with joined.open("w", encoding="utf-8", newline="") as file:
            count = self._write(file, _interleave(parts))
        os.replace(joined, self.path)
        for part in parts:
            part.unlink()
        return count

    def _write(self, file: TextIO, lines: Iterator[str]) -> int:
        count = 0
        if self.path.suffix == ".csv":
            top = [name for k in range(1, self.top_k + 1) for name in (f"top{k}", f"top{k}_confidence")]
            writer = csv.DictWriter(file, ["path", "label", "confidence", *top])
            writer.writeheader()
            for count, line in enumerate(lines, start=1):  # noqa: B007
                writer.writerow(json.loads(line))
        else:
            for count, line in enumerate(lines, start=1):  # noqa: B007
                file.write(line)
        return count


def _names(loaders: Any, dataloader_idx: int, indices: Iterable[int]) -> list[str]:
    """Give the files of samples, if the data set tells them as `paths` or torchvision's `samples`, or else numbers."""
    loader = loaders[dataloader_idx] if isinstance(loaders, Sequence) else loaders
    dataset = getattr(loader, "dataset", None)
    paths = getattr(dataset, "paths", None) or [path for path, _ in getattr(dataset, "samples", ())]
    return [str(paths[i]) if paths else f"predict/{i}" for i in indices]


def _interleave(parts: list[Path]) -> Iterator[str]:
    """Give the lines in the order of the data set: of W processes, process r predicted samples r, r + W, …"""
    with ExitStack() as stack:
        files = [stack.enter_context(part.open(encoding="utf-8")) for part in parts]
        for lines in zip_longest(*files):
            yield from (line for line in lines if line is not None)
