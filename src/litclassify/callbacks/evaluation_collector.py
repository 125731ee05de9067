"""The logits and targets of an epoch, of all processes."""

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from litclassify.models import EvaluationOutput


class EvaluationCollector:
    """Holds what each evaluated batch gave, on its device: 4 bytes for each image and class."""

    def __init__(self) -> None:
        self._logits: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add(self, output: EvaluationOutput) -> None:
        """Keep a batch, without waiting for the device."""
        self._logits.append(output["logits"].float())
        self._targets.append(output["targets"])

    def gather(self, trainer: Trainer) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Give logits (N, K) and targets of the images of all processes, in the order of the data set, and forget them.

        Of W processes, process r has evaluated images r, r + W, …
        """
        logits: NDArray[np.float32] = _rows_of_all(self._logits, trainer)
        targets: NDArray[np.int64] = _rows_of_all(self._targets, trainer)
        self._logits, self._targets = [], []
        return logits, targets


def _rows_of_all(batches: list[Tensor], trainer: Trainer) -> NDArray[Any]:
    rows = torch.cat(batches)
    if trainer.world_size == 1:
        return rows.cpu().numpy()
    shares = [share.cpu().numpy() for share in gather_all_tensors(rows)]
    joined = np.empty((sum(map(len, shares)), *rows.shape[1:]), dtype=shares[0].dtype)
    for rank, share in enumerate(shares):
        joined[rank :: len(shares)] = share
    return joined
