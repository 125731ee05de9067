"""The logits and targets of an epoch, of all processes."""

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from litclassify.callbacks.evaluation.loader_images import image_paths, keeps_order
from litclassify.callbacks.undefined_answers import undefined_answers
from litclassify.errors import UserError
from litclassify.evaluation import AnyEvaluation, Evaluation, LabelEvaluation
from litclassify.models import EvaluationOutput, ImageClassifier, MultiLabelClassifier


class EvaluationCollector:
    """Holds what each evaluated batch gave, on its device: 4 bytes for each image and class."""

    def __init__(self) -> None:
        self.clear()

    def __bool__(self) -> bool:
        return bool(self._logits)

    def clear(self) -> None:
        """Forget all batches."""
        self._logits: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add(self, output: EvaluationOutput) -> None:
        """Keep a batch, without waiting for the device."""
        self._logits.append(output["logits"].float())
        self._targets.append(output["targets"])

    def gather(self, trainer: Trainer, classifier: ImageClassifier, loader: Any) -> AnyEvaluation:
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
        logits: NDArray[np.float32] = rows_of_all(self._logits, trainer)[:limit]
        targets: NDArray[Any] = rows_of_all(self._targets, trainer)[:limit]
        self.clear()
        bad = np.flatnonzero(_are_undefined(logits, classifier))
        if len(bad):
            (example,) = image_paths(loader, bad[:1].tolist(), "test" if trainer.testing else "val")
            raise undefined_answers(len(bad), f"{len(logits)} images", example)
        return evaluation_of(classifier, logits, targets)


def _are_undefined(logits: NDArray[np.float32], classifier: ImageClassifier) -> NDArray[np.bool_]:
    """Say which images have no probabilities, (N,)."""
    highest = logits.max(axis=1)  # nan where any is.
    undefined: NDArray[np.bool_] = ~(highest < np.inf) if classifier.multi_label else ~np.isfinite(highest)
    return undefined


def evaluation_of(classifier: ImageClassifier, logits: NDArray[np.float32], targets: NDArray[Any]) -> AnyEvaluation:
    """Give what a classifier said of images: logits (N, K), and targets (N,) or multi-hot (N, K)."""
    if isinstance(classifier, MultiLabelClassifier):
        return LabelEvaluation(logits, targets, classifier.class_names, classifier.threshold)
    return Evaluation(logits, targets, classifier.class_names, classifier.calibration_temperature)


def separator_of(trainer: Trainer) -> str:
    """Give what stands between the labels of an image where they are written: as in its table, if it is of one."""
    return getattr(trainer.datamodule, "label_separator", None) or ";"  # type: ignore[attr-defined]


def check_classifier(callback: Callback, pl_module: LightningModule) -> None:
    """Refuse a model that is no classifier of images.

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
