"""What the evaluated images of an epoch are, and what was said of them, from all processes."""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from litclassify.callbacks.evaluation.loader_images import image_paths, keeps_order
from litclassify.callbacks.undefined_answers import undefined_answers
from litclassify.errors import UserError
from litclassify.evaluation import AnyEvaluation, ClassCounts, Evaluation, LabelEvaluation, class_counts
from litclassify.models import EvaluationOutput, ImageClassifier, MultiLabelClassifier

Collected_co = TypeVar("Collected_co", covariant=True)


class BatchCollector(ABC, Generic[Collected_co]):
    """Holds something of what each evaluated batch gave, on its device."""

    def __init__(self) -> None:
        self.clear()

    def __bool__(self) -> bool:
        return bool(self._batches)

    def clear(self) -> None:
        """Forget all batches."""
        self._batches: list[tuple[Tensor, ...]] = []

    def add(self, output: EvaluationOutput) -> None:
        """Keep a batch, without waiting for the device."""
        self._batches.append(self._kept(output))

    def gather(self, trainer: Trainer, classifier: ImageClassifier, loader: Any) -> Collected_co:
        """Put the images of all processes together, in the order of the data set, and forget them.

        Of W processes, process r has evaluated images r, r + W, …; those that a sampler has repeated, so that all have
        as many, are left out.

        Args:
            trainer: The trainer; all processes have to ask.
            classifier: What gave the logits.
            loader: What gave the images.

        Raises:
            UserError: A logit is nan or has overflown to inf, or those of all classes are -inf: nothing can be said of
                such an image. -inf for some of them rules these out.
        """
        limit = len(loader.dataset) if keeps_order(loader) else None
        columns = [rows_of_all(list(column), trainer)[:limit] for column in zip(*self._batches, strict=True)]
        self.clear()
        highest = self._highest_logits(columns)
        bad = np.flatnonzero(~(highest < np.inf) if classifier.multi_label else ~np.isfinite(highest))
        if len(bad):
            (example,) = image_paths(loader, bad[:1].tolist(), "test" if trainer.testing else "val")
            raise undefined_answers(len(bad), f"{len(highest)} images", example)
        return self._collected(columns, classifier)

    @abstractmethod
    def _kept(self, output: EvaluationOutput) -> tuple[Tensor, ...]:
        """Give what to hold of a batch of N images, (N, …) each."""

    @abstractmethod
    def _highest_logits(self, columns: list[NDArray[Any]]) -> NDArray[np.floating[Any]]:
        """Give the highest logit of each image, of what was held of all: (N,), nan where any is."""

    @abstractmethod
    def _collected(self, columns: list[NDArray[Any]], classifier: ImageClassifier) -> Collected_co:
        """Give what was collected, from what was held of all images."""


class EvaluationCollector(BatchCollector[AnyEvaluation]):
    """Holds logits and targets: 4 bytes for each image and class."""

    def _kept(self, output: EvaluationOutput) -> tuple[Tensor, ...]:
        return output["logits"].float(), output["targets"]

    def _highest_logits(self, columns: list[NDArray[Any]]) -> NDArray[np.floating[Any]]:
        highest: NDArray[np.floating[Any]] = columns[0].max(axis=1)
        return highest

    def _collected(self, columns: list[NDArray[Any]], classifier: ImageClassifier) -> AnyEvaluation:
        logits, targets = columns
        return evaluation_of(classifier, logits, targets)


class PredictionCounter(BatchCollector[ClassCounts]):
    """Counts the images of each class by target and prediction: 20 bytes for each image, however many classes."""

    def _kept(self, output: EvaluationOutput) -> tuple[Tensor, ...]:
        highest, predicted = output["logits"].max(dim=1)
        return highest.float(), predicted, output["targets"]

    def _highest_logits(self, columns: list[NDArray[Any]]) -> NDArray[np.floating[Any]]:
        return columns[0]

    def _collected(self, columns: list[NDArray[Any]], classifier: ImageClassifier) -> ClassCounts:
        _, predicted, targets = columns
        return class_counts(predicted, targets, len(classifier.class_names))


def evaluation_of(classifier: ImageClassifier, logits: NDArray[np.float32], targets: NDArray[Any]) -> AnyEvaluation:
    """Give what a classifier said of images: logits (N, K), and targets (N,) or multi-hot (N, K)."""
    if isinstance(classifier, MultiLabelClassifier):
        return LabelEvaluation(logits, targets, classifier.class_names, classifier.threshold)
    return Evaluation(logits, targets, classifier.class_names, classifier.calibration_temperature)


def check_classifier(callback: Callback, pl_module: LightningModule) -> None:
    """Refuse a model that is not a classifier of images.

    Raises:
        UserError: It is none.
    """
    if not isinstance(pl_module, ImageClassifier):
        raise UserError(
            f"{type(callback).__name__} is for an ImageClassifier, got {type(pl_module).__name__}: leave it out of "
            "trainer.callbacks."
        )


def rows_of_all(batches: list[Tensor], trainer: Trainer) -> NDArray[Any]:
    """Join the rows that all processes hold, each of which has evaluated every W-th image of the data set."""
    rows = torch.cat(batches)
    if trainer.world_size == 1:
        return rows.cpu().numpy()
    shares = [share.cpu().numpy() for share in gather_all_tensors(rows)]
    joined = np.empty((sum(map(len, shares)), *rows.shape[1:]), dtype=shares[0].dtype)
    for rank, share in enumerate(shares):
        joined[rank :: len(shares)] = share
    return joined
