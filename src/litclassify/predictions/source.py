"""The images that are predicted, as far as they are known before."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

from torch import Tensor

from litclassify.predictions.parts import Origin
from litclassify.predictions.schema import Schema


class PredictionSet(Protocol):
    """Images."""

    paths: Sequence[str]
    """An identifier of each."""
    targets: Tensor
    """Class of each, int64 (N,), negative where it is unknown; or multi-hot labels, (N, K)."""
    in_memory: ClassVar[bool]
    """Whether they are in no files."""


class PredictionSource(Protocol):
    """Data that a prediction can go on with where an earlier one was interrupted.

    Of W processes, process r predicts the images r, r + W, … in order. A batch has a third part if some of its images
    cannot be read: the reason for each, "" for the others.
    """

    batch_size: int
    predicted_batches: int
    """How many batches of each process are left out: to be set before the loader is made."""

    @property
    def predict_dataset(self) -> PredictionSet:
        """The images, in order."""


def origin_of_rows(paths: Iterable[str], schema: Schema) -> Origin:
    """Give what makes rows of predictions: which images there are, and what is said of each."""
    digest, count = hashlib.sha256(), 0
    for count, path in enumerate(paths, start=1):  # noqa: B007
        digest.update(os.fsencode(path) + b"\0")
    return {
        "the list of images": f"{count} ({digest.hexdigest()[:16]})",
        "top_k": str(schema.top_k),
        "probabilities": str(schema.probabilities).lower(),
        "target": str(schema.labelled).lower(),
    }


def places_of_process(source: PredictionSource, rank: int, world_size: int) -> range:
    """Give the places, in the list of images, of those that a process predicts."""
    return range(rank, len(source.predict_dataset.paths), world_size)
