"""Which classes are taken for which."""

from dataclasses import dataclass

import numpy as np

from litclassify.evaluation.evaluation import Evaluation


@dataclass(frozen=True)
class ConfusedPair:
    """Images of one class that are taken for another."""

    target: str
    predicted: str
    count: int
    share: float
    """Share of the images of the target."""


def most_confused_pairs(evaluation: Evaluation, limit: int) -> list[ConfusedPair]:
    """Give the pairs with the most images, at most `limit`, the most frequent first."""
    mistakes = evaluation.confusion.copy()
    np.fill_diagonal(mistakes, 0)
    support = evaluation.confusion.sum(axis=1)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(cell), evaluation.num_classes) for cell in order if mistakes.flat[cell]]
    names = evaluation.class_names
    return [ConfusedPair(names[t], names[p], int(mistakes[t, p]), float(mistakes[t, p] / support[t])) for t, p in pairs]
